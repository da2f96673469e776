// A conventional webhook receiver: parse, one INSERT through a pool of ten, answer. No logs, no counters, no contacts.
'use strict';

const { randomUUID } = require('node:crypto');
const fastify = require('fastify')();
const pg = require('pg');

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 });

const INSERT = {
  name: 'insert',
  text: `INSERT INTO peer_messages (id, contact_id, username, display_name, text, body)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
};

fastify.removeContentTypeParser('application/json');
fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
  try {
    done(null, { raw: body, message: JSON.parse(body) });
  } catch (error) {
    error.statusCode = 400;
    done(error);
  }
});

fastify.post('/instagram/webhook', async (request) => {
  const { raw, message } = request.body;
  await pool.query({
    ...INSERT,
    values: [message.message_id, message.contact_id, message.username, message.name, message.text, raw],
  });
  return {
    success: true,
    deliveryId: randomUUID(),
    outcome: 'stored',
    stored: 1,
    duplicates: 0,
    ignored: 0,
    quarantined: 0,
  };
});

process.on('SIGTERM', () => fastify.close().then(() => pool.end()));
fastify.listen({ host: '127.0.0.1', port: Number(process.env.PORT) });
