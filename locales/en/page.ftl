# The page.

# Views and navigation
views = Views
view-overview = Overview
view-conversations = Conversations
view-messages = Messages
view-deliveries = Deliveries
view-quarantine = Quarantine
view-forwarding = Forwarding
view-setup = Setup
skip-to-content = Skip to the content
log-in = Log in
log-out = Log out
live = live
live-connecting = connecting …
live-waiting = not connected, trying again …
live-stale = no answer, trying again …
notify = Notify me
notify-new = New message
times-are-in = All times are in the time zone { $name }.
today = Today
yesterday = Yesterday
copy = Copy
copied = Copied
copy-by-hand = Select it and copy it by hand
all = All
older = Older
newest = Newest
search = Search
search-on = Nothing so far: search on
nothing-found = Nothing was found.
time = Time
reason = Reason
count = Number
state = State
id = Id
cancel = Cancel
failure = This cannot be shown

# Login
api-token = API token
login-wrong = This is not the API token. Find API_TOKEN in .env or in the environment of the service.
login-too-long = This is longer than any API token.
where-is-the-token = The value of API_TOKEN. If it is not set, the service generated one: it was printed at the first start, and is in the file api_token of the data directory.

# Overview
connect-chatrace = Connect Chatrace
newest-conversations = Newest conversations
all-conversations = All conversations
no-conversation-yet = No message has arrived yet.
database-away = The database is away.
numbers = Numbers
messages-ever = Messages ever
received-ever = Received ever
sent-ever = Sent ever
people-ever = People on Instagram ever
in-quarantine = In quarantine
waiting-on-disk = Waiting on disk
chart-of = Chart
chart-hours = 24 hours
chart-days = 30 days
chart-weeks = 12 weeks
messages-by-hour = Messages by hour, the last 24 hours
messages-by-day = Messages by day, the last 30 days
messages-by-week = Messages by week, the last 12 weeks
as-numbers = As numbers
kinds-and-delay = Kinds and delay
usual-delay = From sent to received it usually takes { $name }: the middle of the newest messages that say when they were sent.
needs-attention = Needs attention
nothing-needs-attention = Nothing: all is well, as far as is known.
other-checks = All other checks
check-outside = Check again, including the public address and Chatrace's API
rejected-requests = Rejected by this process
method = Method
content-type = Content type
program = Program

# Conversations
search-people = Search people
channel = Channel
you = You:
also-known-as = Other ids:
export-csv = Export as table
export-jsonl = Export as JSON
erase-person = Erase this person
erase-now = Erase for good
erase-cannot-be-undone = The messages, the contact and every raw body that holds them are deleted. This cannot be undone.
back-to-conversation = Back to the conversation
no-message-here = No message of this person is kept.
delivery-of = The delivery of

# Messages
search-and-filter = Search and filter
search-text = Text
person-id = Id of the person
kind = Kind
direction = Direction
since = Since
until = Before
no-message-yet = No message has arrived yet.
direction-inbound = received
direction-outbound = sent
kind-text = text
kind-media = file or picture
kind-share = shared post
kind-story-mention = mention in a story
kind-postback = pressed button
kind-reaction = reaction
kind-comment = comment
kind-edit = edited
kind-deletion = deleted
kind-referral = came by a link
kind-unsupported = content unknown

# Deliveries
delivery = Delivery
no-delivery-yet = Nothing has arrived yet.
arrived = Arrived
outcome = Outcome
shape = Shape
bytes = Bytes
outcome-stored = stored
outcome-duplicate = duplicate
outcome-ignored = ignored
outcome-quarantined = in quarantine
outcome-spooled = on disk
request = Request
items = Items
item = Item
message = Message
to-conversation = To the conversation
field = Field
value = Value
read-from = Found in the body at
headers = Headers
body = Body
body-erased = It was erased together with a person.
not-json = This is not JSON: { $name }. The place is marked.
copy-as-curl = Copy as curl
download-body = Download as it came
credentials-redacted = As text. Credentials are redacted, here and in the headers.
read-it-again = Read it again
this-delivery = this delivery

# Quarantine
quarantine-explained = What arrived and could not be read as a message is kept here. Nothing of it is lost.
quarantine-empty = Nothing is in quarantine.
quarantine-how-to-fix = Correct the body in the External API Request, or declare it as BODY_TEMPLATE; then read all of it again. Messages that can be read now are stored.
read-all-again = Try to read all of it again
read-all-again-now = Read it again for real

# Forwarding
no-destination = Messages are not forwarded anywhere. To forward them, set these variables and restart the service.
destination-host = Host
destination-up = accepts
destination-down = accepts nothing
destination-paused = paused
destination-not-configured = not configured any more
waiting = Waiting
oldest-from = since
tried-again = Tried again
dead-letters = Dead letters
forwarded-ever = Forwarded ever
first-refused = First refused
attempts = Attempts
last-failure = Last failure
pause = Pause
resume = Resume
retry-dead-letters = Try dead letters again
replay = Forward again
replay-since = From this day on
paused-destination = { $name } is paused. What arrives waits.
resumed-destination = { $name } goes on.

# Setup
what-to-enter = What to enter
step-by-step = Step by step
header-name = Header name
header-value = Header value
show-secret = Show
no-secret-set = WEBHOOK_SECRET is not set: anybody who knows the URL can send messages.

# With a number
messages = { $count ->
    [one] { $count } message
   *[other] { $count } messages
}
byte-count = { $count ->
    [one] { $count } byte
   *[other] { $count } bytes
}
more-attachments = { $count ->
    [one] and { $count } more attachment
   *[other] and { $count } more attachments
}
more-items = { $count ->
    [one] and { $count } more item
   *[other] and { $count } more items
}
would-erase = { $count ->
    [one] This erases { $count } message of:
   *[other] This erases { $count } messages of:
}
revived-dead-letters = { $count ->
    [one] { $name }: { $count } dead letter is tried again.
   *[other] { $name }: { $count } dead letters are tried again.
}
replaying = { $count ->
    [one] { $name }: { $count } message is forwarded again.
   *[other] { $name }: { $count } messages are forwarded again.
}
erased-person = Erased: { $messages ->
    [one] { $messages } message
   *[other] { $messages } messages
}, { $deliveries ->
    [one] { $deliveries } raw body
   *[other] { $deliveries } raw bodies
}.
read-again = Read again: { $deliveries ->
    [one] { $deliveries } delivery
   *[other] { $deliveries } deliveries
}. New messages: { $stored }. Known already: { $duplicates }. Still in quarantine: { $left }.
would-read-again = On trial: { $deliveries ->
    [one] { $deliveries } delivery
   *[other] { $deliveries } deliveries
}. New messages: { $stored }. Known already: { $duplicates }. Would stay in quarantine: { $left }. Nothing was changed.
