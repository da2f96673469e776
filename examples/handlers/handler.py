"""Takes what chatrace-webhook forwards: verifies the signature with the public package, and prints each message once.

    pip install standardwebhooks
    FORWARD_SECRET=whsec_… PORT=4000 python3 handler.py
"""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

WEBHOOK = Webhook(os.environ["FORWARD_SECRET"])
# A message may come twice, under the same id. A real handler keeps the ids in its database.
SEEN = set()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            event = WEBHOOK.verify(body, dict(self.headers))
        except WebhookVerificationError as error:
            self.answer(401, str(error).encode())
            return
        message = event["data"]
        if message["id"] not in SEEN:
            SEEN.add(message["id"])
            print(f"{event['type']} {message['contactId']}: {message['text']}", flush=True)
        self.answer(204, b"")

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "4000"))), Handler)
print(f"listening on {server.server_address[1]}", flush=True)
server.serve_forever()
