# What to enter in Chatrace, step by step.

setup-reachable = Make the service reachable
setup-public-url = PUBLIC_URL is set: Chatrace will post to { $url }.
setup-doctor-checks = `chatrace-webhook doctor` checks whether this address leads here.
setup-no-public-url = PUBLIC_URL is not set. Chatrace needs a public https address: a reverse proxy with a certificate, or a tunnel to try it from this machine.
setup-tunnels = Each of these commands prints an https address. Put it into .env as PUBLIC_URL, restart, and run `chatrace-webhook setup` again.

setup-secret = Protect the webhook with a secret
setup-secret-set = WEBHOOK_SECRET is set. Its value goes into a header below. It is not shown here: find it in .env or in the environment of the service.
setup-secret-needed = WEBHOOK_SECRET is not set, and with META_APP_SECRET only requests signed by Meta are accepted: what Chatrace sends is refused. { setup-generate-secret }
setup-secret-unset = WEBHOOK_SECRET is not set: anybody who knows the URL can send messages. { setup-generate-secret }
setup-generate-secret = This command generates one in .env. Restart afterwards. In a container, set the variable where the container gets its environment.

setup-request = Add an External API Request in Chatrace
setup-where = Flow builder → Actions → External API Request, in every flow that runs for a message you want: the default reply, and each keyword or automation that replies.
setup-no-dynamic-content = Do not select dynamic content: Chatrace would show the answer to the customer.
setup-method = Method
setup-url = URL
setup-header = Header
setup-public-address = https://<your public address>{ $path }
setup-secret-header = X-Webhook-Secret: (the value of WEBHOOK_SECRET)

setup-body = Choose raw JSON and paste this body
setup-no-contact-data = Do not use "All Contact Data": it has no text. Do not add {"{{"}api_key{"}}"}: it is a credential.
setup-pick-variables = If a message arrives with {"{{"}…{"}}"} in it, delete that variable and pick it from Chatrace's list.
setup-template-set = BODY_TEMPLATE is set: bodies of that form are read by it. `chatrace-webhook doctor` says whether those that arrive match.
setup-template = A body of your own works too. Declare it in .env, on one line and placeholders included, and restart: then nothing a customer types can change who wrote. If the platform escapes what it fills in, set BODY_TEMPLATE_ESCAPING=json as well.
setup-in-env = In .env

setup-first-message = See the first message arrive
setup-wait = The first command waits up to 30 s for the first message. Start it, and send a test message from a second terminal.
setup-write = Then write to the account on Instagram from another account, and ask again with the `nextCursor` of the answer: `&after=m1`. If nothing arrives, the doctor explains why.
