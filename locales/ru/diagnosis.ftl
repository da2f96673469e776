# The diagnosis: what a check observed, what it means (`.meaning`), and what to do (`.next`).

all-is-well = Всё в порядке: { $arrival }
all-is-well-as-far-as-known = Всё в порядке, насколько это известно.

## Times and numbers. Lengths of time are in the accusative.

time-today = { $time } UTC
time-dated = { $day }.{ $month }.{ $year } { $time } UTC
at-time = в { $time } UTC
on-date = { $day }.{ $month }.{ $year } в { $time } UTC
seconds = { $count ->
    [one] { $count } секунду
    [few] { $count } секунды
   *[many] { $count } секунд
}
minutes = { $count ->
    [one] { $count } минуту
    [few] { $count } минуты
   *[many] { $count } минут
}
hours = { $count ->
    [one] { $count } час
    [few] { $count } часа
   *[many] { $count } часов
}
days = { $count ->
    [one] { $count } день
    [few] { $count } дня
   *[many] { $count } дней
}
size-mib = { $count } МиБ
size-gib = { $count } ГиБ

## What several checks say

unknown-without-database = База данных недоступна.
    .meaning = Без неё это неизвестно.
no-deliveries-yet = Доставок ещё не было.
    .meaning = Это станет известно, когда они появятся.
no-messages-yet = Сообщений ещё не было.
    .meaning = Это станет известно, когда они появятся.
refused-are-lost = Chatrace почти никогда не повторяет запрос, поэтому отклонённые сообщения теряются.

## arrival

senders-are-rejected = Отправитель пытается отправить сообщения, но его запросы отклоняются.
arrival-never = С первого запуска { $at } на этот сервер ничего не поступало: добавьте в сценарий Chatrace блок External API Request.
    .meaning = Chatrace не отправляет сообщения или отправляет их на другой адрес.
    .next = Выполните `chatrace-webhook setup`: команда покажет всё, что нужно ввести в Chatrace.
arrival-rejected = На этот сервер ещё ничего не поступило. { $rejected }
    .meaning = { senders-are-rejected }
arrival-not-kept = Ещё ничего не сохранено. { $rejected }
    .meaning = { senders-are-rejected }
arrival-rejected-since = После { $time } на этот сервер ничего не поступало. { $rejected }
    .meaning = { senders-are-rejected }
arrival-not-kept-since = После { $time } ничего не сохранено. { $rejected }
    .meaning = { senders-are-rejected }
arrival-message = Последнее сообщение поступило { $at }.
    .meaning = { requests-reach }
arrival-delivery = Последняя доставка поступила { $at }.
    .meaning = { requests-reach }
arrival-delivery-only = Последняя доставка поступила { $at }, но сообщений ещё не было.
    .meaning = { requests-reach }
requests-reach = Запросы доходят до этого сервера.

## Rejected requests: how many, and what to do about them

rejected-first = { $requests }: { $advice }.
rejected-first-and-more = { $requests } и ещё { $more ->
    [one] { $more } вид
    [few] { $more } вида
   *[many] { $more } видов
} отклонённых запросов: { $advice }.
rejected-last-at = { $requests }, последний — { $time }

requests = { $count ->
    [one] { $count } запрос
    [few] { $count } запроса
   *[many] { $count } запросов
}
rejected-wrong-path = { requests } на адрес { $path } (404)
rejected-other-paths = { requests } на другие адреса, похожие на адрес вебхука (404)
rejected-reading-path = { requests } на адрес { $path }, который служит для чтения (405)
rejected-some-reading-path = { requests } на адрес, который служит для чтения (405)
rejected-redirected = { requests } методом GET и без тела, после перенаправления (405)
rejected-method = { requests } методом { $method } (405)
rejected-some-method = { requests } другим методом (405)
rejected-missing-secret = { requests } без секрета (401)
rejected-wrong-secret = { requests } с неверным секретом (401)
rejected-bad-signature = { requests } с неверной подписью (401)
rejected-handshake = { requests } от Meta с неудачной проверкой адреса (403)
rejected-token = { requests } без верного токена (401)
rejected-empty = { requests } с пустым телом (400)
rejected-incomplete = { requests } с оборванным телом (400, 408)
rejected-too-large = { requests } со слишком большим телом (413)
rejected-unreadable = { requests } с телом, которое не похоже ни на JSON, ни на форму (400)
rejected-not-kept = { requests } не удалось сохранить (503)
rejected-tls = { $count ->
    [one] { $count } соединение
    [few] { $count } соединения
   *[many] { $count } соединений
} по TLS с портом для обычного HTTP

advice-path = проверьте URL в блоке External API Request вашего сценария Chatrace
    .next = { enter-the-url }
advice-redirected = перенаправление превратило POST в GET, поэтому введите в блоке External API Request конечный URL с https
    .next = Перенаправление превратило POST в GET: введите в блоке External API Request конечный URL с https.
advice-method = выберите в блоке External API Request метод POST
    .next = Выберите в блоке External API Request метод POST.
advice-secret-unset = задайте WEBHOOK_SECRET, перезапустите сервис и добавьте это значение в блок External API Request как заголовок `X-Webhook-Secret`
    .next = Создайте секрет и задайте WEBHOOK_SECRET: `chatrace-webhook setup` покажет, как это сделать и куда в Chatrace вписать заголовок. До этого принимаются только запросы с подписью Meta.
advice-missing-secret = добавьте в блок External API Request заголовок `X-Webhook-Secret` со значением WEBHOOK_SECRET
    .next = Добавьте его в Chatrace, в заголовках блока External API Request. Значение находится в .env или там, откуда сервис берёт свои переменные.
advice-wrong-secret = заголовок `X-Webhook-Secret` в блоке External API Request должен содержать значение WEBHOOK_SECRET
    .next = Скопируйте значение WEBHOOK_SECRET в заголовок блока External API Request ещё раз. Если WEBHOOK_SECRET изменён, перезапустите сервис.
advice-bad-signature = META_APP_SECRET должен быть секретом того приложения Meta, которое отправляет запросы
    .next = META_APP_SECRET должен быть секретом того приложения Meta, которое отправляет запросы.
advice-handshake-unset = задайте в META_VERIFY_TOKEN тот токен проверки, который указан в Meta, и перезапустите сервис
    .next = Задайте в META_VERIFY_TOKEN тот токен проверки, который указан в Meta, и перезапустите сервис.
advice-handshake = токен проверки, указанный в Meta, должен совпадать с META_VERIFY_TOKEN
    .next = Токен проверки, указанный в Meta, должен совпадать с META_VERIFY_TOKEN.
advice-token = передавайте значение API_TOKEN как `Authorization: Bearer …`
    .next = Передавайте значение API_TOKEN как `Authorization: Bearer …`.
advice-empty = выберите в блоке External API Request вид тела raw JSON и вставьте шаблон тела
    .next = Выберите в блоке External API Request вид тела raw JSON и вставьте шаблон тела.
advice-incomplete = проверьте прокси и сеть между Chatrace и этим сервером
    .next = Проверьте прокси и сеть между Chatrace и этим сервером.
advice-too-large = увеличьте MAX_BODY_BYTES, если такие тела ожидаемы
    .next = Увеличьте MAX_BODY_BYTES, если такие тела ожидаемы.
advice-unreadable = сравните тело из блока External API Request с шаблоном
    .next = Сравните тело из блока External API Request с шаблоном.
advice-not-kept = проверьте базу данных, буфер и диск
    .next = Проверьте базу данных, буфер и диск.
advice-tls = поставьте перед этим портом прокси или туннель, который принимает TLS, либо используйте URL с http
    .next = { enter-the-url }
advice-none = делать ничего не нужно
enter-the-url = Укажите в блоке External API Request URL { $webhook }; `chatrace-webhook setup` покажет все настройки.

## near_misses

near-misses-none = За последние 24 часа ни один запрос не прошёл мимо вебхука.
    .meaning = Ни один запрос не отклонён.
near-misses-today = За последние 24 часа: { $requests }.
    .meaning = { requests-not-stored }
near-misses-since = Начиная с { $time }: { $requests }.
    .meaning = { requests-not-stored }
near-misses-today-but-messages = Сообщения поступают, но за последние 24 часа было отклонено: { $requests }.
    .meaning = { requests-not-stored }
near-misses-since-but-messages = Сообщения поступают, но начиная с { $time } было отклонено: { $requests }.
    .meaning = { requests-not-stored }
near-misses-newest = { $observed } Самый новый: { $sample }.
    .meaning = { requests-not-stored }
near-misses-newest-sent = { $observed } Самый новый из тех, что что-то отправляли: { $sample }.
    .meaning = { requests-not-stored }
near-misses-fixed = Если вы уже исправили причину, не обращайте внимания: предупреждение исчезнет через 24 часа. Иначе часть сообщений по-прежнему теряется. { $next }
requests-not-stored = Содержимое этих запросов не сохранено как сообщения.

## handshake

handshake-failed = Проверка адреса со стороны Meta не удалась { $at }: { $advice }.
    .meaning = Meta ничего не отправляет на адрес, который не смогла проверить. Для Chatrace это не нужно.
handshake-verified = Meta проверила адрес { $at }.
    .meaning = Собственные вебхуки Meta могут сюда поступать.
handshake-not-yet = Meta ещё не проверяла адрес.
    .meaning = Это нужно только для собственных вебхуков Meta.
handshake-unset = META_VERIFY_TOKEN не задан.
    .meaning = Собственные вебхуки Meta не ожидаются.

## sender_auth

sender-auth-meta-only = WEBHOOK_SECRET не задан: принимаются только запросы с подписью Meta.
    .meaning = Блок External API Request в Chatrace не умеет подписывать запросы, поэтому ему нужен WEBHOOK_SECRET.
sender-auth-enforced = Отправителям нужен секрет или подпись.
    .meaning = Никто другой не может отправлять сообщения.
sender-auth-observed = При WEBHOOK_AUTH=observe принимаются и отправители без верного секрета.
    .meaning = Отправлять сообщения может любой, кто знает URL.
    .next = Когда в журнале не останется предупреждений об отправителях, задайте WEBHOOK_AUTH=enforce.
sender-auth-open = WEBHOOK_SECRET не задан: отправлять сообщения может любой, кто знает URL.
    .meaning = Сохранённые сообщения могут быть поддельными.
    .next = Задайте WEBHOOK_SECRET и перезапустите сервис. Затем добавьте это значение в блок External API Request как заголовок `X-Webhook-Secret`.

## placeholders

placeholders-filled = В последних доставках нет незаполненных переменных вида {"{{"}placeholder{"}}"}.
    .meaning = Сценарий заполняет свои переменные.
placeholders-unfilled = Сценарий отправляет { $what }: так в { $of ->
    [1] последней доставке
    [one] { $count } из { $of } последней доставки
   *[many] { $count } из { $of } последних доставок
}.
    .meaning = В теле нет того, что написал клиент. Восстановить это нельзя.
    .next = В блоке External API Request удалите эту переменную и выберите её из списка Chatrace.
placeholder-literally = незаполненную переменную { $placeholder } в поле `{ $key }`
some-placeholder-literally = незаполненную переменную вида {"{{"}placeholder{"}}"}

## contact_data

contact-data-none = В последних телах есть не только данные контакта.
    .meaning = В них есть то, что написал клиент.
contact-data-only = Только данные контакта и никакого сообщения: так в { $of ->
    [1] последней доставке
    [one] { $count } из { $of } последней доставки
   *[many] { $count } из { $of } последних доставок
}. Это режим «All Contact Data»: выберите в блоке External API Request вид тела raw JSON и вставьте шаблон тела.
    .meaning = В этих телах нет того, что написал клиент.
    .next = Выберите в блоке External API Request вид тела raw JSON и вставьте это тело: { $body }

## template

template-not-needed = BODY_TEMPLATE не задан, и для последних тел он не нужен.
    .meaning = Рекомендованное тело распознаётся и без него.
template-advised = { $count } из { bodies } пришлось исправлять, или их нельзя прочитать однозначно.
    .meaning = Текст клиента может испортить такое тело.
    .next = Задайте тело в BODY_TEMPLATE точно так, как оно введено в Chatrace: тогда никакой текст клиента его не испортит.
template-matched = Последние тела соответствуют заданному шаблону.
    .meaning = Никакой текст клиента не изменит, кто написал сообщение.
template-unmatched = { $count } из { bodies } не { $count ->
    [one] соответствует
   *[many] соответствуют
} ни одному заданному шаблону.
    .meaning = Они читаются без шаблона, насколько это безопасно.
    .next = Сравните тело из GET /instagram/deliveries/{ $delivery } с BODY_TEMPLATE: ключи и всё, что стоит между переменными. Исправьте BODY_TEMPLATE или задайте второе тело в BODY_TEMPLATE_2.
bodies = { $of ->
    [one] { $of } последнего тела
   *[many] { $of } последних тел
}

## quarantine

quarantine-none = В карантине ничего нет.
    .meaning = Все тела поняты.
quarantine-holds = В карантине { $count ->
    [one] { $count } элемент
    [few] { $count } элемента
   *[many] { $count } элементов
}, самый новый поступил { $at }: { $reason }.
    .meaning = Эти тела сохранены в том виде, в каком поступили, но сообщений из них не получилось.
    .next = Откройте GET /instagram/deliveries/{ $delivery } и сравните тело с шаблоном из `chatrace-webhook setup`.
not-understood = тело не понято

## echoes

echoes-few = Среди последних сообщений есть не только исходящие.
    .meaning = Сообщения клиентов поступают.
echoes-only = Последние сообщения ({ $count ->
    [one] { $count } сообщение
    [few] { $count } сообщения
   *[many] { $count } сообщений
}) — только исходящие: сообщения клиентов не поступают.
    .meaning = Сценарий или приложение Meta сообщает только о том, что отправляет сам бизнес.
    .next = Поставьте блок External API Request после триггера на сообщение клиента (в Chatrace: Default Reply или ключевое слово) или подпишите приложение Meta на `messages`.

## duplicates

duplicates-few = Среди последних доставок есть не только дубликаты.
    .meaning = Новые сообщения распознаются.
duplicates-only = Последние доставки ({ deliveries }) — только дубликаты сохранённых сообщений.
    .meaning = Сценарий снова и снова отправляет одно и то же сообщение: в нём постоянный id, время или текст, либо он зациклился.
    .next = Сравните тела в GET /instagram/deliveries?outcome=duplicate: `text` и `last_interaction` должны быть переменными, а не набранным текстом.
deliveries = { $count ->
    [one] { $count } доставка
    [few] { $count } доставки
   *[many] { $count } доставок
}

## outcomes

outcomes-seen = Последние доставки ({ deliveries }): { $outcomes }.
    .meaning = Сообщения из доставок сохраняются.
outcomes-no-message = В последних доставках ({ deliveries }) нет сообщений. Самая новая: { $reason }.
    .meaning = Сценарий отправляет события, но не то, что пишут клиенты.
    .next = Выполните `chatrace-webhook setup` и сравните тело из блока External API Request с шаблоном.
no-message = нет сообщения
outcomes-stored = сохранено { $count }
outcomes-duplicate = дубликатов { $count }
outcomes-ignored = пропущено { $count }
outcomes-quarantined = в карантине { $count }
outcomes-spooled = в буфере { $count }

## clock

clock-too-few = Слишком мало последних сообщений содержат время отправки.
    .meaning = Вместо него используется время поступления.
clock-fits = Время в телах согласуется с часами этой машины.
    .meaning = `sentAt` можно доверять.
clock-behind = Судя по времени в телах, сообщения отправлены на { $length } позже, чем поступили.
    .meaning = Часы этой машины отстают, или в теле указано местное время без часового пояса.
    .next = { correct-the-clock }
clock-ahead = Судя по времени в телах, сообщения отправлены на { $length } раньше, чем поступили.
    .meaning = Сценарий ждёт перед отправкой, в теле указано местное время без часового пояса или старое время, или часы этой машины спешат.
    .next = { correct-the-clock }
correct-the-clock = Синхронизируйте часы этой машины (NTP) и используйте в теле `{"{{"}last_interaction{"}}"}` как время.

## silence

silence-not-watched = SILENCE_AFTER не задан.
    .meaning = Если сообщения прекратятся, никто не получит оповещения.
silence-not-checked = Ещё не проверялось.
    .meaning = Сервис только что запущен.
silence-no-message = Сообщений ещё не было.
    .meaning = До первого сообщения тишина не отсчитывается.
silence-too-early = Обычный ритм сообщений ещё неизвестен: история охватывает { $count ->
    [one] { $count } день
    [few] { $count } дня
   *[many] { $count } дней
}, а нужна неделя.
    .meaning = До этого SILENCE_AFTER=auto не отправляет оповещений.
silence-none = Последнее сообщение не старше, чем { $allowed }.
    .meaning = Сообщения поступают как обычно.
silence-over = После тишины с { $time } сообщение поступило.
    .meaning = Сообщения снова поступают.
silence-now = После { $time } не поступило ни одного сообщения: это дольше, чем { $allowed }.
    .meaning = { messages-have-stopped }
    .next = { send-a-message }
silence-alerted = После { $time } не поступило ни одного сообщения; когда отправлялось оповещение, это было необычно долго.
    .meaning = { messages-have-stopped }
    .next = { send-a-message }
silence-usual = обычно в этот час недели
silence-limit = допускает SILENCE_AFTER ({ $length })
messages-have-stopped = Сообщения прекратились.
send-a-message = Отправьте сообщение аккаунту и проверьте в Chatrace, запускается ли сценарий и успешен ли его блок External API Request.

## database, migrations

database-answers = База данных отвечает.
    .meaning = Сообщения сохраняются, и их можно прочитать.
database-log-pending = Стёртые данные ещё находятся в chatrace-webhook.db-wal: базу данных держит открытой другая программа.
    .meaning = Сообщения сохраняются, и их можно прочитать. Стёртое исчезнет из этого файла, когда другая программа завершится.
    .next = Завершите резервное копирование или `sqlite3`, которые держат базу данных открытой.
database-unreadable = Базу данных не удаётся прочитать ({ $cause }): доставки сохраняются.
    .meaning = Ничего не теряется. Прочитать сообщения нельзя.
    .next = Устраните указанную причину.
database-away-spooled = База данных недоступна ({ $cause }): доставки ждут на диске этой машины.
    .meaning = Ничего не теряется. Сообщения нельзя прочитать, пока база данных не вернётся.
    .next = { start-the-database }
database-away-refused = База данных недоступна ({ $cause }): доставки отклоняются с кодом 503.
    .meaning = { refused-are-lost }
    .next = { start-the-database }
database-takes-nothing-spooled = База данных ничего не принимает ({ $cause }): доставки ждут на диске этой машины.
    .meaning = Ничего не теряется. Новые сообщения нельзя прочитать, пока база данных их не примет.
    .next = { correct-the-cause }
database-takes-nothing-unread = База данных ничего не принимает ({ $cause }): доставки ждут на диске этой машины.
    .meaning = Ничего не теряется. Сообщения нельзя прочитать, пока база данных не вернётся.
    .next = { correct-the-cause }
database-takes-nothing-refused = База данных ничего не принимает ({ $cause }): доставки отклоняются с кодом 503.
    .meaning = { refused-are-lost }
    .next = { correct-the-cause }
correct-the-cause = Устраните указанную причину. Сервис попробует снова со следующей доставкой.
start-the-database = Запустите базу данных или сделайте её доступной с этой машины. Причина указана в журнале.
database-damaged = База данных повреждена ({ $cause }).
    .meaning = Содержимое повреждённых страниц прочитать нельзя: при чтении они пропускаются. Новые доставки могут отклоняться.
    .next = Восстановите базу данных из резервной копии. Выясните, что её повредило: обычно это диск или неполная копия.
database-file-damaged = База данных повреждена ({ $cause }).
    .meaning = Содержимое повреждённых страниц прочитать нельзя: при чтении они пропускаются. Новые доставки могут отклоняться.
    .next = { restore-the-file }
restore-the-file = Остановите сервис и скопируйте файл. Затем восстановите его из резервной копии или спасите то, что читается: `sqlite3 chatrace-webhook.db .recover | sqlite3 new.db`.
migrations-done = Таблицы соответствуют этой версии.
    .meaning = Миграции не нужны.

## spool

spool-unneeded = Встроенной базе данных буфер не нужен.
    .meaning = База данных находится на том же диске.
spool-off = SPOOL=off: пока база данных недоступна, доставки отклоняются.
    .meaning = { refused-are-lost }
    .next = Задайте SPOOL=on, если DATA_DIR находится на диске, который переживёт эту реплику.
spool-refuses = В буфер не удаётся записать: доставки отклоняются с кодом 503.
    .meaning = { refused-are-lost }
    .next = Освободите место на диске с DATA_DIR. Причина указана в журнале.
spool-gone = Буфер использовать нельзя: { $cause }.
    .meaning = Пока база данных доступна, ничего не теряется. Когда она недоступна, доставки отклоняются с кодом 503.
    .next = Устраните указанную причину и перезапустите сервис.
spool-empty = Буфер пуст.
    .meaning = Ни одна доставка не ждёт базу данных.
spool-waits = В буфере { deliveries }, самая старая ждёт { $length }.
    .meaning = Они попадут в базу данных, когда она снова будет доступна.
spool-stuck = В буфере { deliveries }, самая старая ждёт { $length }.
    .meaning = База данных отвечает, но не принимает их.
    .next = Причина указана в журнале. Доставки остаются в буфере, пока база данных их не примет.

## disk

disk-unknown = Неизвестно, сколько места свободно на диске с DATA_DIR.
disk-enough = На диске с DATA_DIR свободно { $free } из { $total }.
    .meaning = Для новых доставок места достаточно.
disk-full-soon = На диске с DATA_DIR свободно { $free } из { $total }.
    .meaning = Когда диск заполнится, сохранять будет некуда, и отправители получат 503.
    .next = Освободите место на диске с DATA_DIR.

## retention

retention-off = RETENTION_DAYS не задан.
    .meaning = Хранится всё.
retention-done = Нет ничего старше { $days ->
    [one] { $days } дня
   *[many] { $days } дней
}.
    .meaning = Более старые доставки удаляются.
retention-late = Самая старая доставка поступила { $at }, хотя RETENTION_DAYS равен { $days }.
    .meaning = Доставки, которые должны быть удалены, ещё на месте.
    .next = Почему они не удаляются, указано в журнале.
retention-in-doubt = Самая старая доставка поступила { $at }, хотя RETENTION_DAYS равен { $days }; самой новой тоже больше суток.
    .meaning = Часы этой машины могут спешить, поэтому удаляется только то, что старо и по времени самой новой доставки.
    .next = Если часы неверны, исправьте их. Если верны, остальное удалится в ходе работы сервиса.

## forwarding

forwarding-nowhere = Ни одного получателя не настроено.
    .meaning = Сообщения сохраняются и никуда не пересылаются.
forwarding-well = Получатель { $name } принимает всё, что ему пересылается.
    .meaning = С ним всё в порядке.
forwarding-accepted = Получатель { $name } принимает всё, что ему пересылается.
    .meaning = { on-the-way }
forwarding-all-accept = Все получатели ({ $number }) принимают всё, что им пересылается.
    .meaning = { on-the-way }
on-the-way = { $count ->
    [0] Ничего не ждёт отправки.
    [one] { $count } сообщение в пути.
    [few] { $count } сообщения в пути.
   *[many] { $count } сообщений в пути.
}
forwarding-expires = Пересылки получателю { $name } { $waiting }, а { $at } срок хранения начнёт их удалять.
    .meaning = Удалённое до пересылки уже не будет переслано. Оно учитывается как просроченное.
    .next = Почините получателя или увеличьте RETENTION_DAYS.
forwarding-not-configured = Получатель { $name } больше не настроен; пересылки ему { $waiting }.
    .meaning = Ему ничего не пересылается.
    .next = Снова задайте { $variable } или выполните `chatrace-webhook forward forget { $name }`.
forwarding-paused = Пересылка получателю { $name } приостановлена с { $time }: { $reason }; { $waiting }.
    .meaning = Пока она не возобновлена, ему ничего не пересылается.
    .next = Выполните `chatrace-webhook forward resume { $name }`.
forwarding-dead-letters = Получатель { $name } окончательно отклонил { $count ->
    [one] { $count } сообщение
    [few] { $count } сообщения
   *[many] { $count } сообщений
}.
    .meaning = Их пытались переслать около трёх дней, в то время как другие принимались.
    .next = Причина видна в GET /instagram/destinations/{ $name }/dead-letters; затем выполните `chatrace-webhook forward retry { $name }`.
forwarding-refused = Получатель { $name } отклоняет всё с кодом { $status } начиная с { $time }; { $waiting }.
    .meaning = { nothing-is-lost }
forwarding-silent = Получатель { $name } не отвечает ({ $cause }) начиная с { $time }; { $waiting }.
    .meaning = { nothing-is-lost }
nothing-is-lost = Ничего не теряется: пересылка продолжится по порядку, когда получатель снова начнёт принимать.
check-credentials-of-destination = Проверьте { $headers }, а если получатель проверяет подписи, то и { $secret }.
set-the-final-url = Укажите в { $url } конечный URL: перенаправления не выполняются.
check-the-url-of-destination = Проверьте { $url }.
lower-the-rate = Уменьшите { $rate }.
look-into-the-log-at = Посмотрите журнал системы на { $host }.
check-that-it-runs = Проверьте, работает ли система на { $host }, и { $url }.
no-reason-is-known = причина неизвестна
no-answer = нет ответа
waiting-messages = { $count ->
    [one] ждёт { $count } сообщение
    [few] ждут { $count } сообщения
   *[many] ждут { $count } сообщений
}
waiting-deliveries = { $count ->
    [one] ждёт { $count } доставка
    [few] ждут { $count } доставки
   *[many] ждут { $count } доставок
}
waiting-more-messages = ждут более { $count ->
    [one] { $count } сообщения
   *[many] { $count } сообщений
}
waiting-more-deliveries = ждут более { $count ->
    [one] { $count } доставки
   *[many] { $count } доставок
}

## credentials

credentials-safe = { $tried }
    .meaning = Ни один секрет не настолько короткий, чтобы его можно было подобрать.
credentials-short = { $secrets }: слишком коротко, можно подобрать. { $tried }
    .meaning = Тот, кто подберёт секрет, сможет читать или подделывать сообщения.
    .next = Задайте длинный случайный текст, например из `openssl rand -hex 32`, и перезапустите сервис.
tokens-refused = За последние сутки { requests } на чтение без верного токена.
no-token-refused = За последние 24 часа ни один токен не отклонён.
both = { $first } и { $second }

## public_url

public-url-unset = PUBLIC_URL не задан, поэтому публичный адрес не проверялся.
    .meaning = Chatrace нужен публичный адрес с https. Есть ли он, неизвестно.
    .next = Укажите в PUBLIC_URL публичный адрес этого сервиса; `chatrace-webhook setup` покажет, как его получить.
public-url-waiting = Публичный адрес ещё не ответил.
    .meaning = { it-takes-longer }
    .next = { ask-again }
it-takes-longer = Проверка длится дольше обычного.
ask-again = Запросите диагностику ещё раз через десять секунд.
public-url-with-path = PUBLIC_URL уже заканчивается на { $path }.
    .meaning = Этот путь добавляется к нему, поэтому адрес, который показывает `setup`, никуда не ведёт.
    .next = Уберите { $path } из PUBLIC_URL.
public-url-without-token = Имя { $host } из PUBLIC_URL найдено в DNS, но для пробного запроса нужен API_TOKEN, а здесь его нет.
    .meaning = Ведёт ли публичный адрес к этому сервису, неизвестно.
    .next = Задайте в API_TOKEN токен сервиса или выполните команду в каталоге, где находится его DATA_DIR.
public-url-no-random = Система не даёт случайных чисел.
    .meaning = Пробный запрос составить нельзя.
public-url-resolving = Имя { $host } из PUBLIC_URL не найдено в DNS за { $seconds } с.
    .meaning = DNS-сервер домена или этой машины не отвечает.
    .next = Проверьте запись DNS для этого имени с другой машины.
public-url-unresolved = Имени { $host } из PUBLIC_URL нет в DNS.
    .meaning = { unreachable }
    .next = Исправьте PUBLIC_URL или добавьте запись DNS. Адрес туннеля исчезает вместе с туннелем: запустите его снова и укажите в PUBLIC_URL новый адрес.
unreachable = Chatrace не может связаться с сервисом, поэтому ничего не поступает.
refused-too = Chatrace тоже отвергает такое соединение, поэтому ничего не поступает.
public-url-no-authorities = В системе не найдены корневые сертификаты.
    .meaning = Действителен ли сертификат, неизвестно.
    .next = { install-authorities }
install-authorities = Установите пакет ca-certificates.
public-url-refused = Публичный адрес { $host } отказывает в соединении.
    .meaning = { unreachable }
    .next = Запустите обратный прокси или туннель либо откройте его порт в брандмауэре.
public-url-timed-out = Публичный адрес { $host } не ответил вовремя.
    .meaning = Chatrace ждёт лишь несколько секунд, поэтому ничего не поступает.
    .next = Проверьте брандмауэр и работает ли прокси. Некоторые маршрутизаторы не дают машине обратиться к собственному публичному адресу: тогда попробуйте из другой сети.
public-url-tls = Не удаётся установить TLS с публичным адресом { $host }: { $cause }.
    .meaning = { refused-too }
    .next = В PUBLIC_URL должен быть указан порт прокси, который работает по https. Этот сервис работает по http.
public-url-unreachable = Не удаётся связаться с публичным адресом { $host }: { $cause }.
    .meaning = { unreachable }
    .next = Проверьте обратный прокси или туннель и брандмауэр.

public-url-probed = Пробный запрос на { $url } дошёл за { $duration } мс.
    .meaning = { leads-here }
public-url-certified = Пробный запрос на { $url } дошёл за { $duration } мс. { $lasts }
    .meaning = { leads-here }
leads-here = Публичный адрес ведёт сюда.
certificate-lasts = Сертификат действителен ещё { $days ->
    [one] { $days } день
    [few] { $days } дня
   *[many] { $days } дней
}.
    .meaning = Он обновляется вовремя.
public-url-expires = Сертификат { $host } истекает { $days ->
    [0] меньше чем через день
    [1] через день
    [one] через { $days } день
    [few] через { $days } дня
   *[many] через { $days } дней
}.
    .meaning = После этого ничего не будет поступать.
    .next = Обновите его сейчас и выясните, почему он не обновился автоматически.
public-url-slow = Пробный запрос на { $url } дошёл за { $duration } мс, это медленно.
    .meaning = Chatrace ждёт лишь несколько секунд и почти никогда не повторяет запрос: из-за медленных ответов теряются сообщения.
    .next = Выясните, что работает медленно: прокси, туннель или база данных сервиса.
public-url-private = Пробный запрос на { $url } дошёл за { $duration } мс, но { $host } — адрес этой машины или частной сети.
    .meaning = Из интернета Chatrace до него не доберётся.
    .next = Укажите в PUBLIC_URL публичный адрес; `chatrace-webhook setup` покажет, как его получить.
public-url-plain = Пробный запрос на { $url } дошёл за { $duration } мс, но по http, без TLS.
    .meaning = Сообщения и секрет передаются незашифрованными.
    .next = Поставьте перед сервисом прокси с сертификатом и используйте https.

certificate-expired = Срок действия сертификата { $host } истёк.
    .meaning = { refused-too }
    .next = { renew-it }
certificate-expired-ago = Срок действия сертификата { $host } истёк { $days ->
    [0] сегодня
    [1] день назад
    [one] { $days } день назад
    [few] { $days } дня назад
   *[many] { $days } дней назад
}.
    .meaning = { refused-too }
    .next = { renew-it }
renew-it = Обновите его и выясните, почему он не обновился автоматически.
certificate-not-yet-valid = Сертификат { $host } ещё не действует.
    .meaning = { refused-too }
    .next = Проверьте часы этой машины и машины, на которой создан сертификат.
certificate-of-other-name = Сертификат выдан не для имени { $host }.
    .meaning = { refused-too }
    .next = Получите сертификат для этого имени или укажите в PUBLIC_URL имя из сертификата.
certificate-untrusted = Сертификат { $host } выдан центром, которому нет доверия: он самоподписанный, или в цепочке не хватает промежуточных сертификатов.
    .meaning = { refused-too }
    .next = { replace-it }
certificate-refused = Сертификат { $host } { $problem }.
    .meaning = { refused-too }
    .next = { replace-it }
replace-it = Получите сертификат в публичном центре сертификации, например Let's Encrypt, и настройте прокси так, чтобы он отправлял всю цепочку.

answer-without-secret = Публичный адрес { $host } ведёт сюда, но пробный запрос пришёл без секрета (401).
    .meaning = Прокси удаляет { $header }, поэтому отклоняется каждое сообщение.
    .next = Настройте прокси так, чтобы он пропускал заголовок X-Webhook-Secret, или передавайте секрет в URL как ?token=….
answer-without-signature = Публичный адрес { $host } ведёт сюда, но пробный запрос пришёл без секрета (401).
    .meaning = Прокси удаляет { $header }, поэтому отклоняется каждое сообщение.
    .next = Настройте прокси так, чтобы он пропускал заголовок { $header }.
answer-other-secret = Публичный адрес { $host } ведёт сюда, но у ответившего сервиса другой WEBHOOK_SECRET или META_APP_SECRET (401).
    .meaning = Отправители с секретом из этого окружения отклоняются.
    .next = Перезапустите сервис и каждую его реплику с тем же окружением, что у этой команды.
answer-similar = Публичный адрес { $host } ведёт к chatrace-webhook, который не узнаёт пробный запрос ({ $status }).
    .meaning = Это другая установка с другим API_TOKEN, или её часы неверны, или прокси удаляет заголовок X-Webhook-Probe.
    .next = Сравните API_TOKEN и часы с обеих сторон. Затем настройте прокси так, чтобы он пропускал { $header }.
answer-redirect = Публичный адрес { $host } отвечает перенаправлением ({ $status }) на { $location }.
    .meaning = При перенаправлении POST теряет тело, или Chatrace по нему не переходит: ничего не поступает.
    .next = Укажите в PUBLIC_URL адрес, на который ведёт перенаправление, и используйте его в блоке External API Request.
an-unnamed-place = неуказанный адрес
answer-login = Публичный адрес { $host } отвечает { $status }, и это ответ не от этого сервиса.
    .meaning = Что-то перед сервисом требует входа или фильтрует запросы и отклоняет Chatrace тоже.
    .next = Пропускайте { $path } без входа: сервис сам проверяет секрет.
answer-404 = На публичном адресе { $host } по пути { $path } ничего нет (404).
    .meaning = Прокси направляет этот путь в другое место или изменяет его: ничего не поступает.
    .next = Настройте прокси так, чтобы он передавал путь без изменений. Если сервис находится под префиксом, PUBLIC_URL должен содержать этот префикс, а прокси должен убирать его перед { $path }.
answer-405 = Публичный адрес { $host } не принимает POST по пути { $path } (405).
    .meaning = Прокси ведёт к чему-то другому, например к статическим файлам: ничего не поступает.
    .next = Настройте прокси так, чтобы он передавал этот путь сервису с любым методом.
answer-413 = Публичный адрес { $host } отклоняет тело размером { $bytes } байт как слишком большое (413).
    .meaning = Сообщения больше этого размера, поэтому они отклоняются.
    .next = Увеличьте ограничение в прокси хотя бы до 1 MiB, в nginx это client_max_body_size.
answer-429 = Публичный адрес { $host } отклоняет пробный запрос: слишком много запросов (429).
    .meaning = Прокси ограничивает число запросов и отклоняет сообщения, когда их много.
    .next = Исключите { $path } из ограничения.
answer-5xx = Публичный адрес { $host } отвечает, но сервиса за ним нет ({ $status }).
    .meaning = { unreachable }
    .next = Запустите сервис и проверьте, что прокси или туннель ведёт на его HOST и PORT.
answer-foreign = На публичном адресе { $host } отвечает что-то другое ({ $status }).
    .meaning = { leads-to-another-server }
    .next = { whose-server }
answer-foreign-server = На публичном адресе { $host } отвечает что-то другое ({ $status }, сервер «{ $server }»).
    .meaning = { leads-to-another-server }
    .next = { whose-server }
leads-to-another-server = Имя ведёт на другой сервер, и сообщения уходят туда.
whose-server = Проверьте запись DNS и прокси: чей это сервер? Некоторые туннели показывают новым посетителям собственную страницу.

## Why a request to others has no answer, as a part of a sentence

request-refused = в соединении отказано
request-timed-out = ответ не пришёл вовремя
request-certificate = сертификат { $problem }
request-tls = ошибка TLS: { $cause }
request-not-tls = ошибка TLS: { no-tls }
no-tls = сервер не поддерживает TLS
certificate-has-expired = просрочен
certificate-is-not-valid-yet = ещё не действует
certificate-is-of-other-name = выдан не для этого имени
certificate-is-untrusted = выдан центром, которому нет доверия
certificate-is-revoked = отозван
certificate-is-unreadable = не удаётся прочитать
certificate-is-an-authority = самоподписанный: это собственный сертификат центра
certificate-is-refused = не принимается

## chatrace_account

account-unset = INSTAGRAM_ACCESS_TOKEN не задан, поэтому аккаунт Chatrace не проверялся.
    .meaning = Сообщения отправляет сценарий, поэтому они поступают и без него.
account-waiting = API Chatrace ещё не ответил.
    .meaning = { it-takes-longer }
    .next = { ask-again }
account-malformed = INSTAGRAM_ACCESS_TOKEN не имеет вида <id аккаунта>.<секрет>; проверка пропущена.
    .meaning = { account-no-harm }
    .next = { account-copy-again }
account-no-authorities = Проверить аккаунт Chatrace не удалось: не найдены корневые сертификаты.
    .meaning = { account-no-harm }
    .next = { install-authorities }
account-no-harm = Сообщения отправляет сценарий, поэтому они поступают и без токена. Отправка не сработала бы.
account-copy-again = Скопируйте токен из панели этого аккаунта в INSTAGRAM_ACCESS_TOKEN ещё раз целиком, вместе с номером аккаунта и точкой.
account-check-url = Проверьте INSTAGRAM_API_URL ({ $api }): у самого Chatrace это https://api.chatrace.com, у панели под своим брендом — https://<panel>/api.
account-not-chatrace = Это не API Chatrace.
the-chatrace-api = API Chatrace
account-refused = { $api } отклоняет токен с кодом 401{ $quote }.
    .meaning = { account-no-harm }
    .next = { account-copy-again }
account-limited = Аккаунт превысил лимит: 100 запросов за 60 секунд.
    .meaning = API аккаунта использует другая программа. Сообщения поступают и без него.
    .next = Повторите через минуту и остановите программы, которые опрашивают API: сообщений там нет.
account-error = { $api } отвечает 200 с ошибкой в теле{ $quote }.
    .meaning = { account-no-harm }
    .next = { account-follow }
account-error-code = { $api } отвечает 200 с ошибкой { $code } в теле{ $quote }.
    .meaning = { account-no-harm }
    .next = { account-follow }
account-follow = Сделайте в панели аккаунта то, на что указывает ошибка.
account-not-json = { $api } отвечает чем-то, что не является JSON.
    .meaning = { account-not-chatrace }
    .next = { account-check-url }
account-redirect = { $api } отвечает перенаправлением ({ $status }); переход не выполнен, чтобы не передать туда токен.
    .meaning = Это адрес не самого API.
    .next = { account-check-url }
account-5xx = { $api } отвечает { $status }.
    .meaning = У API неполадки; они могут затронуть и сценарии.
    .next = Повторите через несколько минут.
account-status = { $api } отвечает { $status } на GET /accounts/me.
    .meaning = { account-not-chatrace }
    .next = { account-check-url }
account-too-large = { $api } отвечает намного большим объёмом, чем данные аккаунта.
    .meaning = { account-not-chatrace }
    .next = { account-check-url }
account-timed-out = { $api } не отвечает вовремя.
    .meaning = API работает медленно, или брандмауэр блокирует запросы.
    .next = Повторите через несколько минут. Если не поможет, проверьте, что эта машина может выходить в интернет.
account-unreachable = { $api } — связаться не удаётся: { $cause }.
    .meaning = Проверить токен не удалось. Сообщения поступают и без него.
    .next = Проверьте, что эта машина может выходить в интернет. { account-check-url }
account-valid = Токен действителен для аккаунта { $account }.
    .meaning = Chatrace знает этот аккаунт.
account-other = В токене указан аккаунт { $account }, но { $api } отвечает от имени аккаунта { $answered }.
    .meaning = Сценарий, который отправляет сообщения, может быть в другом аккаунте.
    .next = Возьмите токен того аккаунта, чей сценарий отправляет сообщения. { account-copy-again }
account-unnamed = { $api } принимает токен, но не называет в ответе аккаунт.
    .meaning = Тот ли это аккаунт, неизвестно.
    .next = { account-check-url }

## polling (`doctor --probe-polling`)

polling-unknown = API не ответил, действителен ли токен ({ $reply }), поэтому другие пути ничего не докажут.
    .next = Повторите через несколько минут. API проверяет `chatrace-webhook doctor`.
polling-data = GET { $path } с { $placement } возвращает данные, чего раньше никогда не бывало: посмотрите сами.
    .next = Сообщите об этом: по документации этого сервиса такого пути нет.
polling-unclear = Без настоящего ответа осталось { $unclear } из { $count } запросов, поэтому ничего не доказано.
    .next = Повторите через несколько минут.
polling-refused = Отклонён сам токен: на GET /accounts/me, который существует, API отвечает { $reply }. Ни на один из { $count } запросов не пришли сообщения ({ $refused } тоже отклонены), поэтому никакой другой путь или заголовок не сделает токен действительным. Существуют ли эти пути, покажет только действительный токен.
    .next = Выполните `chatrace-webhook doctor`: команда объяснит, что не так с токеном. Сообщениям он не нужен. { let-chatrace-push }
polling-impossible = Опрос невозможен: токен действителен, но ни на один из { $count } запросов не пришли сообщения (401 — { $refused } раз). Такого метода нет; дело никогда не было в токене.
    .next = { let-chatrace-push }
let-chatrace-push = Пусть сообщения отправляет Chatrace: `chatrace-webhook setup` покажет блок External API Request, который нужно добавить в сценарий.
reply-data = 200, данные
reply-limit = лимит
reply-error = ошибка
reply-error-code = ошибка { $code }
reply-not-json = не JSON
reply-too-large = велик
reply-timed-out = тайм-аут

## configuration, data_directory, database_file, port, service (`doctor`)

configuration-valid = Все переменные верны.
configuration-wrong = Ошибок в настройках: { $count }. { $mistakes }.
    .meaning = { will-not-start }
    .next = Исправьте окружение или .env. Все переменные описаны в .env.example.
will-not-start = Сервис не запустится.
file-damaged = Файл базы данных { $path } повреждён ({ $cause }).
    .meaning = Содержимое повреждённых страниц прочитать нельзя.
    .next = { restore-the-file }
directory-writable = Каталог данных { $path } доступен для записи.
directory-missing = Каталога данных { $path } ещё нет.
    .meaning = { first-start-creates-it }
first-start-creates-it = Он появится при первом запуске.
directory-unreadable = Каталог данных { $path } прочитать не удаётся: { $cause }.
    .meaning = { will-not-start }
    .next = Укажите в DATA_DIR каталог, в который пользователь сервиса может писать, или дайте этому пользователю доступ к родительским каталогам.
directory-unwritable = В каталог данных { $path } нельзя писать: { $cause }.
    .meaning = { will-not-start }
    .next = Укажите в DATA_DIR каталог, в который пользователь сервиса может писать, или дайте ему право записи в этот каталог.
directory-used = Каталог данных { $path } занят процессом, который не отвечает по этому адресу.
    .meaning = Сервис работает с другими HOST или PORT либо завис.
    .next = Найдите в его журнале строку `listening` и передайте этот адрес в --url. Или перезапустите сервис.
token-file-unusable = { $problem }.
    .meaning = { will-not-start }
    .next = Сделайте файл доступным для чтения пользователю сервиса или удалите его.
spool-orphaned = { $problem }.
    .meaning = { will-not-start }
    .next = { $next }.
database-missing = Файла базы данных ещё нет.
    .meaning = { first-start-creates-it }
database-usable = База данных { $database } пригодна.
database-to-migrate = База данных { $database } пригодна. Недостающие миграции: { $migrations }.
    .meaning = Они выполнятся при следующем запуске.
database-not-migrated = В базе данных { $database } не хватает миграций: { $migrations }.
    .meaning = MIGRATE=false запрещает эти миграции, поэтому сервис не запустится.
    .next = Запустите один раз с MIGRATE=true.
database-unreachable-spooled = { $problem }.
    .meaning = Сервис запустится и будет складывать доставки в буфер, пока база данных не ответит.
    .next = Запустите базу данных или исправьте DATABASE_URL.
database-unreachable = { $problem }.
    .meaning = Сервис запустится и будет отвечать 503, пока база данных не ответит.
    .next = Запустите базу данных или исправьте DATABASE_URL.
database-unusable = { $problem }.
    .meaning = { will-not-start }
    .next = Исправьте это или укажите в DATABASE_URL другую базу данных.
port-free = Адрес { $address } свободен.
    .meaning = Сервис может его использовать.
port-taken = Сервис { $problem }.
    .meaning = { will-not-start }
    .next = Найдите программу с помощью `ss -ltnp` и остановите её или задайте PORT.
port-unusable = Сервис { $problem }.
    .meaning = { will-not-start }
    .next = Задайте HOST и PORT.

service-foreign = По адресу { $url } отвечает не этот сервис.
    .meaning = { messages-there-are-lost }
    .next = Остановите другую программу или задайте свободный PORT. Если сервис находится в другом месте, передайте его адрес в --url.
messages-there-are-lost = Отправленные туда сообщения теряются.
service-without-token = Сервис отвечает по адресу { $url }, но здесь нет API_TOKEN.
    .meaning = { checks-are-missing }
    .next = Задайте в API_TOKEN токен сервиса или выполните команду в каталоге, где находится его DATA_DIR.
checks-are-missing = Проверок самого сервиса в этом отчёте нет.
service-answers = Сервис отвечает по адресу { $url }.
    .meaning = Он работает.
service-refuses-token = Сервис по адресу { $url } отклоняет этот API_TOKEN.
    .meaning = { checks-are-missing }
    .next = Задайте в API_TOKEN токен сервиса или выполните команду в каталоге, где находится его DATA_DIR. Если токен изменён после запуска сервиса, перезапустите сервис.
service-other-version = У сервиса по адресу { $url } нет диагностики: его версия отличается от версии этой программы.
    .meaning = { checks-are-missing }
    .next = Перезапустите сервис с этой версией.
service-status = Сервис по адресу { $url } отвечает { $status } на GET /instagram/diagnosis.
    .meaning = { checks-are-missing }
    .next = Причина указана в его журнале.
service-silent = По адресу { $url } никто не отвечает: сервис там не запущен.
    .meaning = { messages-there-are-lost }
    .next = Запустите его командой `chatrace-webhook serve`. Если он сразу остановится, он сообщит причину.
service-hangs = Сервис по адресу { $url } принимает соединение, но не отвечает.
    .meaning = Он завис, или машине не хватает ресурсов. Отправленные туда сообщения теряются.
    .next = Посмотрите его журнал и перезапустите его.
service-unreachable = Связаться с сервисом по адресу { $url } не удаётся: { $cause }.
    .meaning = Работает ли он, неизвестно.
    .next = Проверьте URL.

## Titles of the checks

check-arrival = Поступление сообщений
check-chatrace-account = Аккаунт Chatrace
check-clock = Часы
check-configuration = Настройки
check-contact-data = Текст в теле запроса
check-credentials = Надёжность секретов
check-data-directory = Каталог данных
check-database = База данных
check-database-file = Файл базы данных
check-disk = Место на диске
check-duplicates = Повторные сообщения
check-echoes = Сообщения клиентов
check-forwarding = Пересылка
check-handshake = Проверка адреса со стороны Meta
check-migrations = Таблицы базы данных
check-near-misses = Отклонённые запросы
check-outcomes = Результаты доставок
check-placeholders = Переменные сценария
check-port = Порт
check-certificate = Сертификат
check-public-url = Публичный адрес
check-quarantine = Карантин
check-retention = Удаление старых данных
check-sender-auth = Секреты отправителей
check-service = Сервис
check-silence = Тишина
check-spool = Буфер на диске
check-template = Шаблон тела запроса

status-ok = в порядке
status-unknown = неизвестно
status-warning = внимание
status-problem = проблема

## Why an item is not stored, before the words that were stored with it

reason-contact-only = данные контакта без сообщения («{ $reason }»)
reason-not-a-message = это не сообщение («{ $reason }»)
reason-business-event = событие CRM без содержания («{ $reason }»)
reason-transcript = часть переписки, а не отдельное сообщение («{ $reason }»)
reason-unfilled-placeholder = вместо значения пришла незаполненная переменная («{ $reason }»)
reason-no-content = известен человек, но не то, что он написал («{ $reason }»)
reason-no-sender = есть содержание, но неизвестно, кто его написал («{ $reason }»)
reason-edit-without-content = изменение сообщения без отправителя или текста («{ $reason }»)
reason-ambiguous = тело можно прочитать по-разному («{ $reason }»)
reason-nothing-understood = в теле не найдены ни человек, ни содержание («{ $reason }»)
reason-unreadable = тело не похоже ни на JSON, ни на форму («{ $reason }»)
reason-refused-by-database = база данных не приняла эти данные («{ $reason }»)
reason-erased = данные этого человека удалены («{ $reason }»)
reason-superseded = после повторного чтения содержание есть в других элементах («{ $reason }»)
