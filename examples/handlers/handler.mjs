// Takes what chatrace-webhook forwards: verifies the signature with the public package, and prints each message once.
//
//   npm install standardwebhooks
//   FORWARD_SECRET=whsec_… PORT=4000 node handler.mjs
//
// In Express or NestJS the same three lines stand in a route that gets the raw body: express.raw({ type: "*/*" }), or
// NestFactory.create(AppModule, { rawBody: true }) and request.rawBody.
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.FORWARD_SECRET);
// A message may come twice, under the same id. A real handler keeps the ids in its database.
const seen = new Set();

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  let event;
  try {
    event = webhook.verify(Buffer.concat(chunks).toString(), request.headers);
  } catch (error) {
    response.writeHead(401).end(error.message);
    return;
  }
  if (!seen.has(event.data.id)) {
    seen.add(event.data.id);
    console.log(`${event.type} ${event.data.contactId}: ${event.data.text}`);
  }
  response.writeHead(204).end();
});

server.listen(Number(process.env.PORT ?? 4000), "127.0.0.1", () => {
  console.log(`listening on ${server.address().port}`);
});
