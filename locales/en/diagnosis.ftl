# The diagnosis: what a check observed, what it means (`.meaning`), and what to do (`.next`).

all-is-well = All is well: { $arrival }
all-is-well-as-far-as-known = All is well, as far as is known.

## Times and numbers

time-today = { $time }
time-dated = { $year }-{ $month }-{ $day } { $time }
at-time = at { $time }
on-date = on { $year }-{ $month }-{ $day } { $time }
seconds = { $count ->
    [one] { $count } second
   *[other] { $count } seconds
}
minutes = { $count ->
    [one] { $count } minute
   *[other] { $count } minutes
}
hours = { $count ->
    [one] { $count } hour
   *[other] { $count } hours
}
days = { $count ->
    [one] { $count } day
   *[other] { $count } days
}
size-mib = { $count } MiB
size-gib = { $count } GiB

## What several checks say

unknown-without-database = The database is away.
    .meaning = This is unknown without it.
no-deliveries-yet = There are no deliveries yet.
    .meaning = This is unknown until some have arrived.
no-messages-yet = There are no messages yet.
    .meaning = This is unknown until some have arrived.
refused-are-lost = Chatrace hardly ever retries, so refused messages are lost.

## arrival

senders-are-rejected = A sender tries, but its requests are rejected.
arrival-never = Nothing has reached this server since it first started { $at }: add an External API Request to your Chatrace flow.
    .meaning = Chatrace does not send, or sends to another address.
    .next = Run `chatrace-webhook setup`: it shows everything to enter in Chatrace.
arrival-rejected = Nothing has reached this server yet. { $rejected }
    .meaning = { senders-are-rejected }
arrival-not-kept = Nothing has been kept yet. { $rejected }
    .meaning = { senders-are-rejected }
arrival-rejected-since = Nothing has reached this server since { $time }. { $rejected }
    .meaning = { senders-are-rejected }
arrival-not-kept-since = Nothing has been kept since { $time }. { $rejected }
    .meaning = { senders-are-rejected }
arrival-message = The last message arrived { $at }.
    .meaning = { requests-reach }
arrival-delivery = The last delivery arrived { $at }.
    .meaning = { requests-reach }
arrival-delivery-only = The last delivery arrived { $at }, and no message yet.
    .meaning = { requests-reach }
requests-reach = Requests reach this server.

## Rejected requests: how many, and what to do about them

rejected-first = { $requests }: { $advice }.
rejected-first-and-more = { $requests }, and { $more ->
    [one] { $more } more kind
   *[other] { $more } more kinds
} of rejected requests: { $advice }.
rejected-last-at = { $requests }, the last at { $time }

requests = { $count ->
    [one] { $count } request
   *[other] { $count } requests
}
rejected-wrong-path = { requests } hit { $path } (404)
rejected-other-paths = { requests } hit other paths like the webhook's (404)
rejected-reading-path = { requests } hit { $path }, which is for reading (405)
rejected-some-reading-path = { requests } hit a path, which is for reading (405)
rejected-redirected = { requests } came as GET and without a body, after a redirect (405)
rejected-method = { requests } came with { $method } (405)
rejected-some-method = { requests } came with another method (405)
rejected-missing-secret = { requests } came without a secret (401)
rejected-wrong-secret = { requests } came with a wrong secret (401)
rejected-bad-signature = { requests } came with a signature that does not fit (401)
rejected-handshake = { requests } of Meta's handshake failed (403)
rejected-token = { requests } came without a valid token (401)
rejected-empty = { requests } came with an empty body (400)
rejected-incomplete = { requests } came with a body that broke off (400, 408)
rejected-too-large = { requests } came with too large a body (413)
rejected-unreadable = { requests } came with a body that is neither JSON nor a form (400)
rejected-not-kept = { requests } could not be kept (503)
rejected-tls = { $count ->
    [one] { $count } connection
   *[other] { $count } connections
} spoke TLS to the plain HTTP port

advice-path = check the URL in the External API Request of your Chatrace flow
    .next = { enter-the-url }
advice-redirected = a redirect turned the POST into a GET: enter the final https URL in the External API Request
    .next = A redirect turned the POST into a GET: enter the final https URL in the External API Request.
advice-method = choose the method POST in the External API Request
    .next = Choose the method POST in the External API Request.
advice-secret-unset = set WEBHOOK_SECRET, restart this service, then add its value as the header `X-Webhook-Secret` to the External API Request
    .next = Make a secret and set WEBHOOK_SECRET: `chatrace-webhook setup` shows how, and where its header goes in Chatrace. Until then only what Meta signed is let in.
advice-missing-secret = add the header `X-Webhook-Secret` with the value of WEBHOOK_SECRET to the External API Request
    .next = Add it in Chatrace, under the headers of the External API Request; the value is in .env, or wherever this service gets its environment from.
advice-wrong-secret = the header `X-Webhook-Secret` of the External API Request must hold the value of WEBHOOK_SECRET
    .next = Copy the value of WEBHOOK_SECRET once more into the header of the External API Request. If WEBHOOK_SECRET was changed, restart this service.
advice-bad-signature = META_APP_SECRET must be the secret of the Meta app that sends
    .next = META_APP_SECRET must be the secret of the Meta app that sends.
advice-handshake-unset = set META_VERIFY_TOKEN to the verify token that was given to Meta, and restart this service
    .next = Set META_VERIFY_TOKEN to the verify token that was given to Meta, and restart this service.
advice-handshake = the verify token given to Meta must be the value of META_VERIFY_TOKEN
    .next = The verify token given to Meta must be the value of META_VERIFY_TOKEN.
advice-token = send the value of API_TOKEN as `Authorization: Bearer …`
    .next = Send the value of API_TOKEN as `Authorization: Bearer …`.
advice-empty = choose raw JSON in the External API Request and paste the body template
    .next = Choose raw JSON in the External API Request and paste the body template.
advice-incomplete = look at the proxy or the network between Chatrace and this server
    .next = Look at the proxy or the network between Chatrace and this server.
advice-too-large = raise MAX_BODY_BYTES if such bodies are expected
    .next = Raise MAX_BODY_BYTES if such bodies are expected.
advice-unreadable = compare the body of the External API Request with the template
    .next = Compare the body of the External API Request with the template.
advice-not-kept = look at the database, the spool and the disk
    .next = Look at the database, the spool and the disk.
advice-tls = put a proxy or tunnel that ends TLS before this port, or give out a URL with http
    .next = { enter-the-url }
advice-none = there is nothing to do
enter-the-url = Set the URL of the External API Request to { $webhook }; `chatrace-webhook setup` shows every setting.

## near_misses

near-misses-none = No request missed the webhook in the last 24 hours.
    .meaning = No request was rejected.
near-misses-today = In the last 24 hours { $requests }.
    .meaning = { requests-not-stored }
near-misses-since = Since { $time } { $requests }.
    .meaning = { requests-not-stored }
near-misses-today-but-messages = Messages arrive, but in the last 24 hours { $requests }.
    .meaning = { requests-not-stored }
near-misses-since-but-messages = Messages arrive, but since { $time } { $requests }.
    .meaning = { requests-not-stored }
near-misses-newest = { $observed } The newest was { $sample }.
    .meaning = { requests-not-stored }
near-misses-newest-sent = { $observed } The newest that sent something was { $sample }.
    .meaning = { requests-not-stored }
near-misses-fixed = If you have fixed this since, ignore it: it clears after 24 hours. Otherwise some messages are still lost. { $next }
requests-not-stored = What was in these requests is not stored as messages.

## handshake

handshake-failed = Meta's handshake failed { $at }: { $advice }.
    .meaning = Meta sends nothing to a URL that it could not verify. Chatrace does not need this.
handshake-verified = Meta verified the URL { $at }.
    .meaning = Meta's own webhooks can arrive here.
handshake-not-yet = Meta has not verified the URL yet.
    .meaning = Only Meta's own webhooks need that.
handshake-unset = META_VERIFY_TOKEN is not set.
    .meaning = Meta's own webhooks are not expected.

## sender_auth

sender-auth-meta-only = WEBHOOK_SECRET is not set: only requests signed by Meta are accepted.
    .meaning = An External API Request of Chatrace cannot sign, so it needs WEBHOOK_SECRET.
sender-auth-enforced = Senders need a credential.
    .meaning = Nobody else can send messages.
sender-auth-observed = WEBHOOK_AUTH=observe accepts senders without a valid credential.
    .meaning = Anybody who knows the URL can send messages.
    .next = When the log contains no more warnings about senders, set WEBHOOK_AUTH=enforce.
sender-auth-open = WEBHOOK_SECRET is not set: anybody who knows the URL can send messages.
    .meaning = Stored messages may be forged.
    .next = Set WEBHOOK_SECRET and restart this service. Then add it as the header `X-Webhook-Secret` to the External API Request.

## placeholders

placeholders-filled = No recent delivery contains an unfilled {"{{"}placeholder{"}}"}.
    .meaning = The flow fills its variables.
placeholders-unfilled = The flow sends { $what }, in { $of ->
    [1] the last delivery
   *[other] { $count } of the last { $of } deliveries
}.
    .meaning = What the customer wrote is not in the body. It cannot be recovered.
    .next = In the External API Request, delete the placeholder and pick the variable from Chatrace's list.
placeholder-literally = { $placeholder } literally in `{ $key }`
some-placeholder-literally = a {"{{"}placeholder{"}}"} literally

## contact_data

contact-data-none = Recent bodies contain more than contact data.
    .meaning = They contain what the customer wrote.
contact-data-only = { $of ->
    [1] The last delivery
   *[other] { $count } of the last { $of } deliveries
} contained contact data without a message. This is "All Contact Data": choose raw JSON in the External API Request and paste the body template.
    .meaning = These bodies do not contain what the customer wrote.
    .next = Choose raw JSON in the External API Request and paste this body: { $body }

## template

template-not-needed = No BODY_TEMPLATE is declared, and recent bodies need none.
    .meaning = The recommended body is known without.
template-advised = { $count } of the last { bodies } had to be repaired, or could not be read for certain.
    .meaning = What a customer types can break such a body.
    .next = Declare the body as BODY_TEMPLATE, exactly as you typed it in Chatrace: then nothing a customer types can break it.
template-matched = Recent bodies match a declared template.
    .meaning = Nothing a customer types can change who wrote.
template-unmatched = { $count } of the last { bodies } match no declared template.
    .meaning = They are read without a template, as far as that is safe.
    .next = Compare the body of GET /instagram/deliveries/{ $delivery } with BODY_TEMPLATE: its keys, and all that stands between the placeholders. Correct BODY_TEMPLATE, or declare a second body as BODY_TEMPLATE_2.
bodies = { $of ->
    [one] { $of } body
   *[other] { $of } bodies
}

## quarantine

quarantine-none = Nothing is in quarantine.
    .meaning = Every body was understood.
quarantine-holds = { $count ->
    [one] { $count } item
   *[other] { $count } items
} in quarantine, the newest { $at }: { $reason }.
    .meaning = These bodies are stored as they arrived, but no messages were made from them.
    .next = Look at GET /instagram/deliveries/{ $delivery } and compare its body with the template of `chatrace-webhook setup`.
not-understood = not understood

## echoes

echoes-few = Recent messages are not all from the business.
    .meaning = Messages of customers arrive.
echoes-only = The last { $count ->
    [one] { $count } message
   *[other] { $count } messages
} are all outbound: no message of a customer arrives.
    .meaning = The flow or the Meta app reports only what the business sends.
    .next = Put the External API Request behind a trigger on the customer's message (in Chatrace: Default Reply, or a keyword), or subscribe the Meta app to `messages`.

## duplicates

duplicates-few = The newest deliveries are not all duplicates.
    .meaning = New messages are recognised.
duplicates-only = The last { deliveries } are all duplicates of stored messages.
    .meaning = The flow sends the same message again and again: it has a constant id, time or text, or runs in a loop.
    .next = Compare the bodies under GET /instagram/deliveries?outcome=duplicate: `text` and `last_interaction` must be variables, not typed text.
deliveries = { $count ->
    [one] { $count } delivery
   *[other] { $count } deliveries
}

## outcomes

outcomes-seen = Of the last { deliveries }: { $outcomes }.
    .meaning = Messages in deliveries are stored.
outcomes-no-message = The last { deliveries } contain no message. The newest: { $reason }.
    .meaning = The flow sends events, but not what customers write.
    .next = Run `chatrace-webhook setup` and compare the body of the External API Request with the template.
no-message = no message
outcomes-stored = { $count } stored
outcomes-duplicate = { $count } duplicate
outcomes-ignored = { $count } ignored
outcomes-quarantined = { $count } quarantined
outcomes-spooled = { $count } spooled

## clock

clock-too-few = Too few recent messages contain the time when they were sent.
    .meaning = Their time of arrival is used instead.
clock-fits = The times in bodies fit the clock of this machine.
    .meaning = `sentAt` can be trusted.
clock-behind = Messages seem to be sent { $length } after they arrive.
    .meaning = The clock of this machine is slow, or the body contains a local time without its zone.
    .next = { correct-the-clock }
clock-ahead = Messages seem to be sent { $length } before they arrive.
    .meaning = The flow waits before it sends, the body contains a local time without its zone or an old time, or the clock of this machine is fast.
    .next = { correct-the-clock }
correct-the-clock = Synchronise the clock of this machine (NTP), and use `{"{{"}last_interaction{"}}"}` as the time in the body.

## silence

silence-not-watched = SILENCE_AFTER is not set.
    .meaning = Nobody is alerted when messages stop.
silence-not-checked = Not checked yet.
    .meaning = The service has just started.
silence-no-message = There is no message yet.
    .meaning = Silence cannot begin before the first message.
silence-too-early = The usual rhythm of messages is not known yet: the history has { $count ->
    [one] { $count } day
   *[other] { $count } days
}, and a week is needed.
    .meaning = Until then, SILENCE_AFTER=auto sends no alert.
silence-none = The last message is no older than { $allowed }.
    .meaning = Messages arrive as usual.
silence-over = A message has arrived after the silence since { $time }.
    .meaning = Messages arrive again.
silence-now = No message has arrived since { $time }: longer than { $allowed }.
    .meaning = { messages-have-stopped }
    .next = { send-a-message }
silence-alerted = No message has arrived since { $time }, which was unusually long when the alert was sent.
    .meaning = { messages-have-stopped }
    .next = { send-a-message }
silence-usual = usual at this hour of the week
silence-limit = SILENCE_AFTER allows ({ $length })
messages-have-stopped = Messages have stopped.
send-a-message = Send a message to the account, and check in Chatrace whether the flow runs and its External API Request succeeds.

## database, migrations

database-answers = The database answers.
    .meaning = Messages are stored and can be read.
database-log-pending = What was erased still stands in chatrace-webhook.db-wal: another program has the database open.
    .meaning = Messages are stored and can be read. What was erased goes from that file when the other program ends.
    .next = End the backup, or the `sqlite3`, that has the database open.
database-unreadable = The database cannot be read ({ $cause }): deliveries are stored.
    .meaning = Nothing is lost. Messages cannot be read.
    .next = Correct what the cause names.
database-away-spooled = The database is away ({ $cause }): deliveries wait on this machine's disk.
    .meaning = Nothing is lost. Messages cannot be read until the database is back.
    .next = { start-the-database }
database-away-refused = The database is away ({ $cause }): deliveries are refused with 503.
    .meaning = { refused-are-lost }
    .next = { start-the-database }
database-takes-nothing-spooled = The database takes nothing ({ $cause }): deliveries wait on this machine's disk.
    .meaning = Nothing is lost. New messages cannot be read until the database takes them.
    .next = { correct-the-cause }
database-takes-nothing-unread = The database takes nothing ({ $cause }): deliveries wait on this machine's disk.
    .meaning = Nothing is lost. Messages cannot be read until the database is back.
    .next = { correct-the-cause }
database-takes-nothing-refused = The database takes nothing ({ $cause }): deliveries are refused with 503.
    .meaning = { refused-are-lost }
    .next = { correct-the-cause }
correct-the-cause = Correct what the cause names. The service tries again with the next delivery.
start-the-database = Start the database, or make it reachable from this machine. The log contains the cause.
database-damaged = The database is damaged ({ $cause }).
    .meaning = What stands on the damaged pages cannot be read: readers skip it. What arrives may be refused.
    .next = Restore the database from a backup. Find out what damaged it: usually a disk, or a copy that was not whole.
database-file-damaged = The database is damaged ({ $cause }).
    .meaning = What stands on the damaged pages cannot be read: readers skip it. What arrives may be refused.
    .next = { restore-the-file }
restore-the-file = Stop the service and copy the file. Then restore it from a backup, or save what can be read: `sqlite3 chatrace-webhook.db .recover | sqlite3 new.db`.
migrations-done = The tables match this version.
    .meaning = There is nothing to migrate.

## spool

spool-unneeded = The embedded database needs no spool.
    .meaning = The database is on the same disk.
spool-off = SPOOL=off: deliveries are refused while the database is away.
    .meaning = { refused-are-lost }
    .next = Set SPOOL=on if DATA_DIR is on a disk that survives this replica.
spool-refuses = The spool cannot be written: deliveries are refused with 503.
    .meaning = { refused-are-lost }
    .next = Free some space on the disk of DATA_DIR. The log contains the cause.
spool-gone = The spool cannot be used: { $cause }.
    .meaning = Nothing is lost while the database is there. While it is away, deliveries are refused with 503.
    .next = Correct what the cause names, and restart the service.
spool-empty = The spool is empty.
    .meaning = No delivery waits for the database.
spool-waits = { deliveries } in the spool, the oldest for { $length }.
    .meaning = They are moved into the database when it is available again.
spool-stuck = { deliveries } in the spool, the oldest for { $length }.
    .meaning = The database answers but does not accept them.
    .next = The log contains the reason. They stay in the spool until the database accepts them.

## disk

disk-unknown = The free space on the disk of DATA_DIR is unknown.
disk-enough = The disk of DATA_DIR has { $free } of { $total } left.
    .meaning = There is enough space for what arrives.
disk-full-soon = The disk of DATA_DIR has { $free } of { $total } left.
    .meaning = When the disk is full, nothing can be stored, and senders get 503.
    .next = Free some space on the disk of DATA_DIR.

## retention

retention-off = RETENTION_DAYS is not set.
    .meaning = Everything is kept.
retention-done = Nothing is older than { $days ->
    [one] { $days } day
   *[other] { $days } days
}.
    .meaning = Older deliveries are deleted.
retention-late = The oldest delivery arrived { $at }, although RETENTION_DAYS is { $days }.
    .meaning = Deliveries that should be deleted are still there.
    .next = The log contains the reason why they are not deleted.
retention-in-doubt = The oldest delivery arrived { $at }, although RETENTION_DAYS is { $days }; the newest one is more than a day old as well.
    .meaning = The clock of this machine may be ahead, so only what is old by the newest delivery too is deleted.
    .next = Correct the clock if it is wrong. If it is right, the rest goes as the service runs on.

## forwarding

forwarding-nowhere = No destination is configured.
    .meaning = Messages are stored and not forwarded.
forwarding-well = { $name } accepts what is forwarded.
    .meaning = Nothing is wrong with it.
forwarding-accepted = { $name } accepts what is forwarded.
    .meaning = { on-the-way }
forwarding-all-accept = All { $number } destinations accept what is forwarded.
    .meaning = { on-the-way }
on-the-way = { $count ->
    [0] Nothing waits.
    [one] { $count } message on the way.
   *[other] { $count } messages on the way.
}
forwarding-expires = { $waiting } for { $name }, and retention begins to delete them { $at }.
    .meaning = What is deleted before it is forwarded is never forwarded. It is counted as expired.
    .next = Repair the destination, or raise RETENTION_DAYS.
forwarding-not-configured = { $name } is not configured any more; { $waiting } for it.
    .meaning = Nothing is forwarded to it.
    .next = Set { $variable } again, or run `chatrace-webhook forward forget { $name }`.
forwarding-paused = { $name } is paused since { $time }: { $reason }; { $waiting }.
    .meaning = Nothing is forwarded to it until it is resumed.
    .next = Run `chatrace-webhook forward resume { $name }`.
forwarding-dead-letters = { $name } has refused { $count ->
    [one] { $count } message
   *[other] { $count } messages
} for good.
    .meaning = They were tried for about three days, while others were accepted.
    .next = See why at GET /instagram/destinations/{ $name }/dead-letters; then run `chatrace-webhook forward retry { $name }`.
forwarding-refused = { $name } refuses everything with { $status } since { $time }; { $waiting }.
    .meaning = { nothing-is-lost }
forwarding-silent = { $name } does not answer ({ $cause }) since { $time }; { $waiting }.
    .meaning = { nothing-is-lost }
nothing-is-lost = Nothing is lost: forwarding goes on in order when it accepts again.
check-credentials-of-destination = Check { $headers }, and { $secret } if it verifies signatures.
set-the-final-url = Set { $url } to the final URL: redirects are not followed.
check-the-url-of-destination = Check { $url }.
lower-the-rate = Lower { $rate }.
look-into-the-log-at = Look into the log of the system at { $host }.
check-that-it-runs = Check that the system at { $host } runs, and { $url }.
no-reason-is-known = no reason is known
no-answer = no answer
waiting-messages = { $count ->
    [one] { $count } message waits
   *[other] { $count } messages wait
}
waiting-deliveries = { $count ->
    [one] { $count } delivery waits
   *[other] { $count } deliveries wait
}
waiting-more-messages = more than { $count ->
    [one] { $count } message waits
   *[other] { $count } messages wait
}
waiting-more-deliveries = more than { $count ->
    [one] { $count } delivery waits
   *[other] { $count } deliveries wait
}

## credentials

credentials-safe = { $tried }
    .meaning = No secret is short enough to be guessed.
credentials-short = { $secrets }: short enough to be guessed. { $tried }
    .meaning = Who guesses it reads or forges messages.
    .next = Set it to a long random text, for example from `openssl rand -hex 32`, and restart this service.
tokens-refused = { requests } for reading came without a valid token lately.
no-token-refused = No token was refused in the last 24 hours.
both = { $first } and { $second }

## public_url

public-url-unset = PUBLIC_URL is not set, so the public address was not checked.
    .meaning = Chatrace needs a public https address. Whether there is one is unknown.
    .next = Set PUBLIC_URL to the public address of this service; `chatrace-webhook setup` shows how to get one.
public-url-waiting = The public address has not answered yet.
    .meaning = { it-takes-longer }
    .next = { ask-again }
it-takes-longer = It takes longer than usual.
ask-again = Ask for the diagnosis again in ten seconds.
public-url-with-path = PUBLIC_URL already ends with { $path }.
    .meaning = The path is added to it, so the address that `setup` shows leads nowhere.
    .next = Remove { $path } from PUBLIC_URL.
public-url-without-token = The name { $host } of PUBLIC_URL resolves, but the probe needs an API token, and there is none here.
    .meaning = Whether the public address leads to this service is unknown.
    .next = Set API_TOKEN to the token of the service, or run this in the directory of its DATA_DIR.
public-url-no-random = The system gives no random numbers.
    .meaning = The probe cannot be made.
public-url-resolving = The name { $host } of PUBLIC_URL was not resolved within { $seconds } s.
    .meaning = The name server of the domain, or of this machine, does not answer.
    .next = Check the DNS entry of the name from another machine.
public-url-unresolved = The name { $host } of PUBLIC_URL does not resolve.
    .meaning = { unreachable }
    .next = Correct PUBLIC_URL, or add the DNS entry. The address of a tunnel ends with the tunnel: start it again and set PUBLIC_URL to its new address.
unreachable = Chatrace cannot reach the service, so nothing arrives.
refused-too = Chatrace refuses the connection as well, so nothing arrives.
public-url-no-authorities = No CA certificates found on this system.
    .meaning = Whether the certificate is valid is unknown.
    .next = { install-authorities }
install-authorities = Install the package ca-certificates.
public-url-refused = The public address { $host } refuses the connection.
    .meaning = { unreachable }
    .next = Start the reverse proxy or tunnel, or open its port in the firewall.
public-url-timed-out = The public address { $host } did not answer in time.
    .meaning = Chatrace gives up after a few seconds, so nothing arrives.
    .next = Check the firewall, and that the proxy runs. Some routers do not let a machine reach its own public address: then try from another network.
public-url-tls = TLS with the public address { $host } fails: { $cause }.
    .meaning = { refused-too }
    .next = PUBLIC_URL must name the port of the proxy, which speaks https. This service speaks http.
public-url-unreachable = The public address { $host } cannot be reached: { $cause }.
    .meaning = { unreachable }
    .next = Check the reverse proxy or tunnel, and the firewall.

public-url-probed = A probe to { $url } arrived after { $duration } ms.
    .meaning = { leads-here }
public-url-certified = A probe to { $url } arrived after { $duration } ms. { $lasts }
    .meaning = { leads-here }
leads-here = The public address leads here.
certificate-lasts = The certificate is valid for { $days } more days.
    .meaning = It is renewed in time.
public-url-expires = The certificate of { $host } expires { $days ->
    [0] in less than a day
    [1] in a day
   *[other] in { $days } days
}.
    .meaning = After that nothing arrives.
    .next = Renew it now, and find out why it was not renewed automatically.
public-url-slow = A probe to { $url } arrived after { $duration } ms, which is slow.
    .meaning = Chatrace waits only a few seconds and hardly ever tries again: slow answers lose messages.
    .next = Find out what is slow: the proxy, the tunnel, or the database behind the service.
public-url-private = A probe to { $url } arrived after { $duration } ms, but { $host } is an address of this machine or of a private network.
    .meaning = Chatrace cannot reach it from the internet.
    .next = Set PUBLIC_URL to a public address; `chatrace-webhook setup` shows how to get one.
public-url-plain = A probe to { $url } arrived after { $duration } ms, but over http without TLS.
    .meaning = Messages and the secret are sent unencrypted.
    .next = Put a proxy with a certificate in front of the service and use https.

certificate-expired = The certificate of { $host } has expired.
    .meaning = { refused-too }
    .next = { renew-it }
certificate-expired-ago = The certificate of { $host } expired { $days ->
    [0] today
    [1] a day ago
   *[other] { $days } days ago
}.
    .meaning = { refused-too }
    .next = { renew-it }
renew-it = Renew it, and find out why it was not renewed automatically.
certificate-not-yet-valid = The certificate of { $host } is not valid yet.
    .meaning = { refused-too }
    .next = Check the clock of this machine, and of the machine that made the certificate.
certificate-of-other-name = The certificate is not for the name { $host }.
    .meaning = { refused-too }
    .next = Get a certificate for this name, or set PUBLIC_URL to the name in the certificate.
certificate-untrusted = The certificate of { $host } is from an issuer that is not trusted: it is self-signed, or intermediate certificates are missing from the chain.
    .meaning = { refused-too }
    .next = { replace-it }
certificate-refused = The certificate of { $host } { $problem }.
    .meaning = { refused-too }
    .next = { replace-it }
replace-it = Get one from a public authority, such as Let's Encrypt, and let the proxy send the full chain.

answer-without-secret = The public address { $host } leads here, but the probe arrived without its secret (401).
    .meaning = The proxy drops { $header }, so every message is refused.
    .next = Let the proxy pass the header X-Webhook-Secret; or put the secret into the URL as ?token=….
answer-without-signature = The public address { $host } leads here, but the probe arrived without its secret (401).
    .meaning = The proxy drops { $header }, so every message is refused.
    .next = Let the proxy pass the header { $header }.
answer-other-secret = The public address { $host } leads here, but the service that answers has another WEBHOOK_SECRET or META_APP_SECRET (401).
    .meaning = Senders that use the secret of this environment are refused.
    .next = Restart the service, and every replica, with the environment of this command.
answer-similar = The public address { $host } leads to a chatrace-webhook that does not know the probe ({ $status }).
    .meaning = It is another installation with another API_TOKEN, or its clock is wrong, or the proxy drops the header X-Webhook-Probe.
    .next = Compare API_TOKEN and the clocks on both sides. Then let the proxy pass { $header }.
answer-redirect = The public address { $host } answers with a redirect ({ $status }) to { $location }.
    .meaning = A redirected POST loses its body, or Chatrace does not follow it: nothing arrives.
    .next = Set PUBLIC_URL to the target of the redirect, and use that address in the External API Request.
an-unnamed-place = an unnamed place
answer-login = The public address { $host } answers { $status }, and the answer is not from this service.
    .meaning = Something in front of the service asks for a login or filters requests, and refuses Chatrace as well.
    .next = Let { $path } pass without login: the service checks the secret itself.
answer-404 = The public address { $host } has nothing at { $path } (404).
    .meaning = The proxy passes the path elsewhere, or changes it: nothing arrives.
    .next = Let the proxy pass the path unchanged. If the service is below a prefix, PUBLIC_URL must contain the prefix, and the proxy must remove it before { $path }.
answer-405 = The public address { $host } accepts no POST at { $path } (405).
    .meaning = The proxy leads to something else, such as static files: nothing arrives.
    .next = Let the proxy pass the path, with every method, to the service.
answer-413 = The public address { $host } refuses a body of { $bytes } bytes as too large (413).
    .meaning = Messages are larger than that and are refused.
    .next = Raise the limit of the proxy to at least 1 MiB, in nginx with client_max_body_size.
answer-429 = The public address { $host } refuses the probe: too many requests (429).
    .meaning = The proxy limits requests, and refuses messages when many arrive.
    .next = Exclude { $path } from the limit.
answer-5xx = The public address { $host } answers, but there is no service behind it ({ $status }).
    .meaning = { unreachable }
    .next = Start the service, and check that the proxy or tunnel leads to its HOST and PORT.
answer-foreign = Something else answers at the public address { $host } ({ $status }).
    .meaning = { leads-to-another-server }
    .next = { whose-server }
answer-foreign-server = Something else answers at the public address { $host } ({ $status }, a server named "{ $server }").
    .meaning = { leads-to-another-server }
    .next = { whose-server }
leads-to-another-server = The name leads to another server, and messages go there.
whose-server = Check the DNS entry and the proxy: whose server is it? Some tunnels show a page of their own to first visitors.

## Why a request to others has no answer, as a part of a sentence

request-refused = the connection is refused
request-timed-out = no answer came in time
request-certificate = the certificate { $problem }
request-tls = TLS fails: { $cause }
request-not-tls = TLS fails: { no-tls }
no-tls = the server does not speak TLS
certificate-has-expired = has expired
certificate-is-not-valid-yet = is not valid yet
certificate-is-of-other-name = is not for this name
certificate-is-untrusted = is from an issuer that is not trusted
certificate-is-revoked = is revoked
certificate-is-unreadable = cannot be read
certificate-is-an-authority = is self-signed: it is an authority's own
certificate-is-refused = is not accepted

## chatrace_account

account-unset = INSTAGRAM_ACCESS_TOKEN is not set, so the Chatrace account was not asked.
    .meaning = A flow pushes messages, so they arrive without it.
account-waiting = Chatrace's API has not answered yet.
    .meaning = { it-takes-longer }
    .next = { ask-again }
account-malformed = INSTAGRAM_ACCESS_TOKEN is not in the form <account id>.<secret>; skipped.
    .meaning = { account-no-harm }
    .next = { account-copy-again }
account-no-authorities = The Chatrace account could not be asked: no CA certificates found.
    .meaning = { account-no-harm }
    .next = { install-authorities }
account-no-harm = A flow pushes messages, so they arrive without it. Sending would fail.
account-copy-again = Copy the whole token from the panel of this account into INSTAGRAM_ACCESS_TOKEN again, including the account's number and the dot.
account-check-url = Check INSTAGRAM_API_URL ({ $api }): Chatrace itself is at https://api.chatrace.com, a white-label panel at https://<panel>/api.
account-not-chatrace = This is not Chatrace's API.
the-chatrace-api = the Chatrace API
account-refused = { $api } refuses the token with 401{ $quote }.
    .meaning = { account-no-harm }
    .next = { account-copy-again }
account-limited = The account is over its limit of 100 requests per 60 seconds.
    .meaning = Another program is using the account's API. Messages arrive without it.
    .next = Try again in a minute, and stop any program that polls the API: it has no messages.
account-error = { $api } answers 200 with an error in the body{ $quote }.
    .meaning = { account-no-harm }
    .next = { account-follow }
account-error-code = { $api } answers 200 with error { $code } in the body{ $quote }.
    .meaning = { account-no-harm }
    .next = { account-follow }
account-follow = Follow what the error says in the panel of the account.
account-not-json = { $api } answers something that is not JSON.
    .meaning = { account-not-chatrace }
    .next = { account-check-url }
account-redirect = { $api } answers with a redirect ({ $status }), which was not followed because it would receive the token.
    .meaning = This is not the address of the API itself.
    .next = { account-check-url }
account-5xx = { $api } answers { $status }.
    .meaning = The API has a problem; flows may be affected as well.
    .next = Try again in a few minutes.
account-status = { $api } answers { $status } to GET /accounts/me.
    .meaning = { account-not-chatrace }
    .next = { account-check-url }
account-too-large = { $api } answers far more than the data of an account.
    .meaning = { account-not-chatrace }
    .next = { account-check-url }
account-timed-out = { $api } did not answer in time.
    .meaning = The API is slow, or a firewall drops the requests.
    .next = Try again in a few minutes. If it fails again, check that this machine may connect to the internet.
account-unreachable = { $api } cannot be reached: { $cause }.
    .meaning = The token could not be checked. Messages arrive without it.
    .next = Check that this machine may connect to the internet. { account-check-url }
account-valid = The token is valid for account { $account }.
    .meaning = Chatrace knows the account.
account-other = The token names account { $account }, but { $api } answers for account { $answered }.
    .meaning = The flow that sends may be in another account.
    .next = Use the token of the account whose flow sends the messages. { account-copy-again }
account-unnamed = { $api } accepts the token, but names no account in its answer.
    .meaning = Whether it is the right account is unknown.
    .next = { account-check-url }

## polling (`doctor --probe-polling`)

polling-unknown = The API did not answer whether the token is valid ({ $reply }), so other paths would prove nothing.
    .next = Try again in a few minutes. `chatrace-webhook doctor` checks the API.
polling-data = GET { $path } with { $placement } answers with data, which has never happened before: look at it yourself.
    .next = Please report it: according to the documentation of this service, there is no such path.
polling-unclear = { $unclear } of { $count } requests got no real answer, so nothing is proved.
    .next = Try again in a few minutes.
polling-refused = The token itself is refused: GET /accounts/me, which exists, answers { $reply } to it. None of { $count } requests was answered with messages ({ $refused } refused it too), so no other path or header makes it valid. Whether these paths exist, only a valid token shows.
    .next = Run `chatrace-webhook doctor`: it explains what is wrong with the token. Messages do not need it. { let-chatrace-push }
polling-impossible = Polling cannot work: the token is valid, and none of { $count } requests was answered with messages ({ $refused } times 401). There is no such endpoint; the token was never the reason.
    .next = { let-chatrace-push }
let-chatrace-push = Let Chatrace push: `chatrace-webhook setup` shows the External API Request to add to the flow.
reply-data = 200 data
reply-limit = limit
reply-error = error
reply-error-code = error { $code }
reply-not-json = no JSON
reply-too-large = too large
reply-timed-out = time-out

## configuration, data_directory, database_file, port, service (`doctor`)

configuration-valid = Every variable is valid.
configuration-wrong = The configuration has { $count } mistake(s): { $mistakes }.
    .meaning = { will-not-start }
    .next = Correct the environment or .env. Every variable is described in .env.example.
will-not-start = The service will not start.
file-damaged = The database file { $path } is damaged ({ $cause }).
    .meaning = What stands on the damaged pages cannot be read.
    .next = { restore-the-file }
directory-writable = The data directory { $path } is writable.
directory-missing = The data directory { $path } does not exist yet.
    .meaning = { first-start-creates-it }
first-start-creates-it = The first start creates it.
directory-unreadable = The data directory { $path } cannot be read: { $cause }.
    .meaning = { will-not-start }
    .next = Set DATA_DIR to a directory that the service's user may write, or give that user access to its parent directories.
directory-unwritable = The data directory { $path } is not writable: { $cause }.
    .meaning = { will-not-start }
    .next = Set DATA_DIR to a directory that the service's user may write, or make this one writable for that user.
directory-used = A process uses the data directory { $path }, but does not answer at this address.
    .meaning = The service runs with another HOST or PORT, or it hangs.
    .next = Find the line `listening` in its log, and give that address with --url. Or restart the service.
token-file-unusable = { $problem }.
    .meaning = { will-not-start }
    .next = Make the file readable for the service's user, or delete it.
spool-orphaned = { $problem }.
    .meaning = { will-not-start }
    .next = { $next }.
database-missing = There is no database file yet.
    .meaning = { first-start-creates-it }
database-usable = { $database } can be used.
database-to-migrate = { $database } can be used. Missing migrations: { $migrations }.
    .meaning = The next start runs them.
database-not-migrated = { $database } has missing migrations: { $migrations }.
    .meaning = MIGRATE=false prevents these migrations, so the service will not start.
    .next = Start once with MIGRATE=true.
database-unreachable-spooled = { $problem }.
    .meaning = The service would start, and keep deliveries in its spool until the database answers.
    .next = Start the database, or correct DATABASE_URL.
database-unreachable = { $problem }.
    .meaning = The service would start, and answer 503 until the database answers.
    .next = Start the database, or correct DATABASE_URL.
database-unusable = { $problem }.
    .meaning = { will-not-start }
    .next = Fix this, or set DATABASE_URL to another database.
port-free = { $address } is free.
    .meaning = The service can listen there.
port-taken = The service { $problem }.
    .meaning = { will-not-start }
    .next = Find the program with `ss -ltnp` and stop it, or set PORT.
port-unusable = The service { $problem }.
    .meaning = { will-not-start }
    .next = Set HOST and PORT.

service-foreign = Something answers at { $url }, but it is not this service.
    .meaning = { messages-there-are-lost }
    .next = Stop the other program, or set PORT to a free port. If the service listens elsewhere, give its address with --url.
messages-there-are-lost = Messages sent there are lost.
service-without-token = The service answers at { $url }, but there is no API token here.
    .meaning = { checks-are-missing }
    .next = Set API_TOKEN to the token of the service, or run this in the directory of its DATA_DIR.
checks-are-missing = The checks of the service are missing from this report.
service-answers = The service answers at { $url }.
    .meaning = It runs.
service-refuses-token = The service at { $url } refuses this API token.
    .meaning = { checks-are-missing }
    .next = Set API_TOKEN to the token of the service, or run this in the directory of its DATA_DIR. If the token was changed since the service started, restart it.
service-other-version = The service at { $url } has no diagnosis: it is another version than this program.
    .meaning = { checks-are-missing }
    .next = Restart the service with this version.
service-status = The service at { $url } answers { $status } to GET /instagram/diagnosis.
    .meaning = { checks-are-missing }
    .next = Its log contains the cause.
service-silent = Nothing listens at { $url }: the service does not run there.
    .meaning = { messages-there-are-lost }
    .next = Start it with `chatrace-webhook serve`. If it stops at once, it prints the reason.
service-hangs = The service at { $url } accepts the connection but does not answer.
    .meaning = It hangs, or the machine is out of resources. Messages sent there are lost.
    .next = Read its log and restart it.
service-unreachable = The service at { $url } cannot be reached: { $cause }.
    .meaning = Whether it runs is unknown.
    .next = Check the URL.

## Titles of the checks

check-arrival = Arrival of messages
check-chatrace-account = Chatrace account
check-clock = Clock
check-configuration = Configuration
check-contact-data = Text in the body
check-credentials = Strength of secrets
check-data-directory = Data directory
check-database = Database
check-database-file = Database file
check-disk = Disk space
check-duplicates = Repeated messages
check-echoes = Messages of customers
check-forwarding = Forwarding
check-handshake = Verification by Meta
check-migrations = Tables of the database
check-near-misses = Rejected requests
check-outcomes = Outcomes of deliveries
check-placeholders = Variables of the flow
check-port = Port
check-certificate = Certificate
check-public-url = Public address
check-quarantine = Quarantine
check-retention = Deletion of old data
check-sender-auth = Credentials of senders
check-service = Service
check-silence = Silence
check-spool = Spool
check-template = Template of the body

status-ok = ok
status-unknown = unknown
status-warning = warning
status-problem = problem

## Why an item is not stored, before the words that were stored with it

reason-contact-only = { $reason }
reason-not-a-message = { $reason }
reason-business-event = { $reason }
reason-transcript = { $reason }
reason-unfilled-placeholder = { $reason }
reason-no-content = { $reason }
reason-no-sender = { $reason }
reason-edit-without-content = { $reason }
reason-ambiguous = { $reason }
reason-nothing-understood = { $reason }
reason-unreadable = { $reason }
reason-refused-by-database = { $reason }
reason-erased = { $reason }
reason-superseded = { $reason }
