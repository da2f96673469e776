# What commands say when they cannot go on.

error = error: { $problem }

## tail

tail-zone = Times are in { $zone } ({ $offset }); TZ sets another zone.
tail-zone-of-offset = Times are in { $offset }; TZ sets another zone.
tail-trying-again = { $problem }; trying again in { $seconds } s
tail-answers-again = { $url } answers again
service-does-not-answer = { $url } does not answer: { $cause }
answer-is-foreign = the answer of { $url } is not from this service
service-says = { $url } answers { $status }: { $reason }
no-reason-given = no reason given
file-unwritable = { $path } cannot be written
file-unreadable = { $path } cannot be read
no-cursor = { $path } does not contain a cursor of messages: name another file, or delete it to begin with the next message
handler-does-not-answer = the handler does not answer: { $cause }; waiting for it
command-failed = the command ended with { $status } for message { $message }: it gets this message again at the next start with --cursor-file

## The configuration. Each sentence goes on behind the name of the variable.

config-mistakes = The configuration has { $count } mistake(s):
config-described = Every variable is described in .env.example.
config-not-valid = `{ $value }` is not valid: expected { $expected }
either = { $first } or { $second }
expected-days = a whole number of days, at least 2
expected-address = an IP address and a port, for example 127.0.0.1:9464
expected-ip = an IP address, for example 0.0.0.0 or 127.0.0.1
expected-port = a port from 0 to 65535
expected-networks = addresses or networks, for example 10.0.0.0/8, separated by commas
expected-duration = a length of time, for example 10s or 2m
expected-bytes = 1 KiB to 64 MiB, in bytes or like `1 MiB`
expected-concurrency = a whole number from 1 to 256
expected-rate = attempts per second, a whole number from 1 to 100000
config-unfit-for-header = contains a character that no header can carry, so it would never match: use visible ASCII characters, for example from `openssl rand -hex 32`
config-only-commas = contains only commas
config-no-url = is not an absolute URL: expected for example https://shop.example
config-token-required = is required with Postgres, because all replicas must have the same: set it to a long random text, for example from `openssl rand -hex 32`
config-postgres-url = is not a valid Postgres URL: expected postgres://user:password@host:5432/database (special characters in the password are written as %XX)
config-database-scheme = must begin with postgres:// or sqlite://
config-database-in-memory = names a database in memory, which loses every message when the service stops: name a file, for example sqlite://data/chatrace-webhook.db
config-sqlite-url = is not a valid SQLite URL: expected for example sqlite://data/chatrace-webhook.db
config-database-no-file = names no file: expected for example sqlite://data/chatrace-webhook.db
config-longer-than-zero = must be longer than zero, or auto
config-no-base64 = begins with whsec_, but is not base64 after that
config-not-telegram = is not for ALERT_FORMAT=telegram: expected https://api.telegram.org/bot<token>/sendMessage?chat_id=<number or @channel>
alert-url-unset = set ALERT_URL
config-alert-secret = is required with ALERT_URL, so that the receiver can verify alerts: set it to a long random text, for example from `openssl rand -hex 32`
config-unknown-destination = is unknown: expected FORWARD_<NAME>_URL and its options, where <NAME> is letters A to Z and digits, and no word of an option
config-no-effect = has no effect without { $variable }
config-timeout = must be between 1s and 2m
config-relay-option = has no meaning with CONTENT=delivery: remove one of them
config-start = expected `now`, `beginning`, or a time such as 2026-07-09T14:56:00Z
config-header-of-service = `{ $name }` is set by this service: remove it
config-no-header = header { $number } is not `Name: value`: expected for example `Authorization: Bearer …`, and semicolons between several
config-log-filter = `{ $value }` is not valid: { $cause }; expected a level, for example info or debug
only-ascii = only ASCII is possible
config-template-file = the file `{ $path }` cannot be read: { $cause }

## BODY_TEMPLATE

body-without-placeholder = it has no {"{{"}placeholder{"}}"}
body-no-json = it is not JSON with {"{{"}placeholders{"}}"}: { $cause }
body-key-twice = a key stands in it twice
body-open-placeholder = a placeholder in it has no `{"}}"}`
body-open-string = a string in it has no end
body-key-placeholder = the key `{ $key }` has a placeholder
body-no-form = it is neither JSON nor a form such as `contact_id={"{{"}user_id{"}}"}&text={"{{"}last_input{"}}"}`
body-form-key = each key of a form must stand in it once, and without a placeholder

## Starting

env-unreadable = .env cannot be read: { $cause }; make it readable for the service's user, or remove it
env-unparsable = .env cannot be parsed: line { $line }: expected NAME=value, in quotes if the value has blanks, a # or quotes in it
env-not-utf8 = .env cannot be parsed: line { $line }: not UTF-8
no-authorities = no CA certificates found: install the package ca-certificates
port-unknown = with PORT=0 the system chooses the port: give the address of the service with --url
no-token = no API token: give --token, or set API_TOKEN or DATA_DIR as for the service
polling-needs-token = INSTAGRAM_ACCESS_TOKEN is not set: polling cannot be tried without a token
directory-not-created = the data directory { $path } cannot be created: { $cause }; set DATA_DIR to a writable directory
directory-not-writable = the data directory { $path } is not writable: { $cause }; set DATA_DIR to a writable directory
directory-in-use = another process uses the data directory { $path }: stop it, or give this process its own DATA_DIR
directory-not-locked = the data directory { $path } cannot be locked: { $cause }
token-file-empty = the token file { $path } is empty: delete it, and a new one is generated
token-file-unfit = the token file { $path } contains a character that no header can carry: delete it, and a new one is generated
token-file-problem = the token file { $path } cannot be used: { $cause }
listen-in-use = cannot listen on { $address }: { $cause }; another program listens there: stop it, or set PORT to another port
listen-forbidden = cannot listen on { $address }: { $cause }; ports below 1024 need privileges: set PORT to another port
listen-no-address = cannot listen on { $address }: { $cause }; this machine has no such address: set HOST to 0.0.0.0
listen-metrics = cannot listen on { $address }: { $cause }; set METRICS_ADDRESS to a free address of this machine
listen-impossible = cannot listen on { $address }: { $cause }; set HOST and PORT to a free address
orphaned-spool = { $problem }: { $next }
orphaned-embedded = the spool file { $path } contains { $count } acknowledged deliveries that are in no database yet, and the embedded database has no spool
    .next = start with SPOOL=on and the DATABASE_URL of the Postgres that they belong to until /readyz reports no deliveries in the spool; or, to continue without them, { move-the-file-away }
orphaned-off = the spool file { $path } contains { $count } acknowledged deliveries that are in no database yet, and SPOOL is off
    .next = start with SPOOL=on until /readyz reports no deliveries in the spool; or, to continue without them, { move-the-file-away }
orphaned-unreadable = { $cause }
    .next = it may contain acknowledged deliveries; make it readable for the service's user, or { move-the-file-away }
move-the-file-away = move the file away, together with the files whose names begin with its name
no-database-file = there is no database file { $path }; set DATA_DIR or DATABASE_URL as for the service

## The service, for commands

nothing-answers = nothing answers at { $url }
service-not-healthy = the service at { $url } is not healthy
no-service-answers = no service answers at { $url }: { $cause }
service-needs-token = a service answers at { $url }, but API_TOKEN is not set
service-no-answer = the service at { $url } does not answer
service-error = the service at { $url } answers { $status }: { $reason }
answer-cut-off = the answer was cut off
answer-unexpected = unexpected answer
