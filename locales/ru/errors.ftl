# What commands say when they cannot go on.

error = ошибка: { $problem }

## tail

tail-zone = Время указано в поясе { $zone } ({ $offset }); другой пояс задаёт TZ.
tail-zone-of-offset = Время указано в поясе { $offset }; другой пояс задаёт TZ.
tail-trying-again = { $problem }; повтор через { $seconds } с
tail-answers-again = { $url } снова отвечает
service-does-not-answer = { $url } не отвечает: { $cause }
answer-is-foreign = { $url } отвечает, но это не ответ этого сервиса
service-says = { $url } отвечает { $status }: { $reason }
no-reason-given = причина не указана
file-unwritable = не удаётся записать { $path }
file-unreadable = не удаётся прочитать { $path }
no-cursor = в { $path } нет курсора сообщений: укажите другой файл или удалите этот, чтобы начать со следующего сообщения
handler-does-not-answer = обработчик не отвечает: { $cause }; ожидание
command-failed = команда завершилась с { $status } на сообщении { $message }: при следующем запуске с --cursor-file она получит его снова

## The configuration. Each sentence goes on behind the name of the variable.

config-mistakes = Ошибок в настройках: { $count }
config-described = Все переменные описаны в .env.example.
config-not-valid = недопустимое значение `{ $value }`: ожидается { $expected }
either = { $first } или { $second }
expected-days = целое число дней, не меньше 2
expected-address = IP-адрес и порт, например 127.0.0.1:9464
expected-ip = IP-адрес, например 0.0.0.0 или 127.0.0.1
expected-port = порт от 0 до 65535
expected-networks = список адресов или сетей через запятую, например 10.0.0.0/8
expected-duration = промежуток времени, например 10s или 2m
expected-bytes = от 1 KiB до 64 MiB, в байтах или в виде `1 MiB`
expected-concurrency = целое число от 1 до 256
expected-rate = число попыток в секунду, целое от 1 до 100000
config-unfit-for-header = содержит символ, который нельзя передать в заголовке, поэтому значение никогда не совпадёт: используйте видимые символы ASCII, например из `openssl rand -hex 32`
config-only-commas = содержит только запятые
config-no-url = не является полным URL: ожидается, например, https://shop.example
config-token-required = нужно задать при работе с Postgres, потому что у всех реплик должно быть одно значение: задайте длинный случайный текст, например из `openssl rand -hex 32`
config-postgres-url = не является URL Postgres: ожидается postgres://user:password@host:5432/database (особые символы в пароле записываются как %XX)
config-database-scheme = должно начинаться с postgres:// или sqlite://
config-database-in-memory = указывает на базу данных в памяти, которая теряет все сообщения при остановке сервиса: укажите файл, например sqlite://data/chatrace-webhook.db
config-sqlite-url = не является URL SQLite: ожидается, например, sqlite://data/chatrace-webhook.db
config-database-no-file = не указывает файл: ожидается, например, sqlite://data/chatrace-webhook.db
config-longer-than-zero = должно быть больше нуля или auto
config-no-base64 = начинается с whsec_, но дальше идёт не base64
config-not-telegram = не подходит для ALERT_FORMAT=telegram: ожидается https://api.telegram.org/bot<токен>/sendMessage?chat_id=<число или @канал>
alert-url-unset = задайте ALERT_URL
config-alert-secret = нужно задать вместе с ALERT_URL, чтобы получатель мог проверять оповещения: задайте длинный случайный текст, например из `openssl rand -hex 32`
config-unknown-destination = неизвестная переменная: ожидается FORWARD_<NAME>_URL и её параметры, где <NAME> состоит из букв A–Z и цифр и не совпадает с названием параметра
config-no-effect = не действует без { $variable }
config-timeout = должно быть от 1s до 2m
config-relay-option = не имеет смысла вместе с CONTENT=delivery: уберите одно из двух
config-start = ожидается `now`, `beginning` или время, например 2026-07-09T14:56:00Z
config-header-of-service = `{ $name }` задаёт сам сервис: уберите этот заголовок
config-no-header = заголовок { $number } не имеет вида `Name: value`: ожидается, например, `Authorization: Bearer …`, а между несколькими — точка с запятой
config-log-filter = недопустимое значение `{ $value }`: { $cause }; ожидается уровень, например info или debug
only-ascii = возможны только символы ASCII
config-template-file = не удаётся прочитать файл `{ $path }`: { $cause }

## BODY_TEMPLATE

body-without-placeholder = нет ни одной переменной вида {"{{"}placeholder{"}}"}
body-no-json = это не JSON с переменными вида {"{{"}placeholder{"}}"}: { $cause }
body-key-twice = один из ключей встречается дважды
body-open-placeholder = у одной из переменных нет закрывающих `{"}}"}`
body-open-string = у одной из строк нет конца
body-key-placeholder = в ключе `{ $key }` есть переменная
body-no-form = это не JSON и не форма вида `contact_id={"{{"}user_id{"}}"}&text={"{{"}last_input{"}}"}`
body-form-key = каждый ключ формы должен встречаться один раз и без переменных

## Starting

env-unreadable = не удаётся прочитать .env: { $cause }; сделайте файл доступным для чтения пользователю сервиса или удалите его
env-unparsable = не удаётся разобрать .env: строка { $line }: ожидается NAME=value, в кавычках, если в значении есть пробелы, # или кавычки
env-not-utf8 = не удаётся разобрать .env: строка { $line }: это не UTF-8
no-authorities = не найдены корневые сертификаты: установите пакет ca-certificates
port-unknown = при PORT=0 порт выбирает система: передайте адрес сервиса в --url
no-token = нет API_TOKEN: передайте --token или задайте API_TOKEN либо DATA_DIR, как у сервиса
polling-needs-token = INSTAGRAM_ACCESS_TOKEN не задан: без токена опрос не попробовать
directory-not-created = не удаётся создать каталог данных { $path }: { $cause }; укажите в DATA_DIR каталог, доступный для записи
directory-not-writable = в каталог данных { $path } нельзя писать: { $cause }; укажите в DATA_DIR каталог, доступный для записи
directory-in-use = каталог данных { $path } занят другим процессом: остановите его или задайте этому процессу собственный DATA_DIR
directory-not-locked = не удаётся заблокировать каталог данных { $path }: { $cause }
token-file-empty = файл токена { $path } пуст: удалите его, и будет создан новый токен
token-file-unfit = файл токена { $path } содержит символ, который нельзя передать в заголовке: удалите его, и будет создан новый токен
token-file-problem = файл токена { $path } использовать нельзя: { $cause }
listen-in-use = не может занять { $address }: { $cause }; там работает другая программа: остановите её или задайте другой PORT
listen-forbidden = не может занять { $address }: { $cause }; порты ниже 1024 требуют особых прав: задайте другой PORT
listen-no-address = не может занять { $address }: { $cause }; у этой машины нет такого адреса: задайте HOST=0.0.0.0
listen-metrics = нельзя слушать { $address }: { $cause }; укажите в METRICS_ADDRESS свободный адрес этой машины
listen-impossible = не может занять { $address }: { $cause }; укажите в HOST и PORT свободный адрес
orphaned-spool = { $problem }: { $next }
orphaned-embedded = в файле буфера { $path } есть принятые доставки, которых ещё нет ни в одной базе данных ({ $count }), а у встроенной базы данных буфера нет
    .next = запустите сервис с SPOOL=on и DATABASE_URL того Postgres, которому они принадлежат, и дождитесь, пока /readyz покажет пустой буфер; или, чтобы продолжить без них, { move-the-file-away }
orphaned-off = в файле буфера { $path } есть принятые доставки, которых ещё нет ни в одной базе данных ({ $count }), а SPOOL выключен
    .next = запустите сервис с SPOOL=on и дождитесь, пока /readyz покажет пустой буфер; или, чтобы продолжить без них, { move-the-file-away }
orphaned-unreadable = { $cause }
    .next = в нём могут быть принятые доставки; сделайте файл доступным для чтения пользователю сервиса или { move-the-file-away }
move-the-file-away = переместите файл вместе с файлами, имена которых начинаются с его имени
no-database-file = файла базы данных { $path } нет; задайте DATA_DIR или DATABASE_URL, как у сервиса

## The service, for commands

nothing-answers = по адресу { $url } никто не отвечает
service-not-healthy = сервис по адресу { $url } неисправен
no-service-answers = по адресу { $url } сервис не отвечает: { $cause }
service-needs-token = по адресу { $url } отвечает сервис, но API_TOKEN не задан
service-no-answer = сервис по адресу { $url } не отвечает
service-error = сервис по адресу { $url } отвечает { $status }: { $reason }
answer-cut-off = ответ оборвался
answer-unexpected = неожиданный ответ
