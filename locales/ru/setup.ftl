# What to enter in Chatrace, step by step.

setup-reachable = Сделайте сервис доступным из интернета
setup-public-url = PUBLIC_URL задан: Chatrace будет отправлять запросы на { $url }.
setup-doctor-checks = Ведёт ли этот адрес сюда, проверяет `chatrace-webhook doctor`.
setup-no-public-url = PUBLIC_URL не задан. Chatrace нужен публичный адрес с https: обратный прокси с сертификатом или туннель, чтобы попробовать с этой машины.
setup-tunnels = Каждая из этих команд выводит адрес с https. Запишите его в .env как PUBLIC_URL, перезапустите сервис и снова выполните `chatrace-webhook setup`.

setup-secret = Защитите вебхук секретом
setup-secret-set = WEBHOOK_SECRET задан. Его значение нужно вписать в заголовок ниже. Здесь оно не показано: возьмите его из .env или из окружения сервиса.
setup-secret-needed = WEBHOOK_SECRET не задан, а с META_APP_SECRET принимаются только запросы с подписью Meta: то, что отправляет Chatrace, отклоняется. { setup-generate-secret }
setup-secret-unset = WEBHOOK_SECRET не задан: отправлять сообщения может любой, кто знает URL. { setup-generate-secret }
setup-generate-secret = Эта команда создаёт секрет в .env. После неё перезапустите сервис. Для контейнера задайте переменную там, откуда контейнер получает своё окружение.

setup-request = Добавьте в Chatrace блок External API Request
setup-where = Flow builder → Actions → External API Request — в каждом сценарии, который запускается на нужные вам сообщения: в ответе по умолчанию (Default Reply) и в каждом ответе на ключевое слово или автоматизации.
setup-no-dynamic-content = Не включайте dynamic content: Chatrace покажет ответ сервиса клиенту.
setup-method = Method
setup-url = URL
setup-header = Header
setup-public-address = https://<ваш публичный адрес>{ $path }
setup-secret-header = X-Webhook-Secret: (значение WEBHOOK_SECRET)

setup-body = Выберите raw JSON и вставьте это тело
setup-no-contact-data = Не выбирайте «All Contact Data»: там нет текста сообщения. Не добавляйте {"{{"}api_key{"}}"}: это секретный ключ.
setup-pick-variables = Если в сообщении приходит {"{{"}…{"}}"}, удалите эту переменную и выберите её из списка Chatrace.
setup-template-set = BODY_TEMPLATE задан: тела такого вида читаются по нему. Соответствуют ли ему поступающие тела, покажет `chatrace-webhook doctor`.
setup-template = Подойдёт и ваше собственное тело. Задайте его в .env одной строкой, вместе с переменными, и перезапустите сервис: тогда никакой текст клиента не изменит, кто написал сообщение. Если платформа экранирует подставленные значения, задайте также BODY_TEMPLATE_ESCAPING=json.
setup-in-env = В .env

setup-first-message = Дождитесь первого сообщения
setup-wait = Первая команда ждёт первое сообщение до 30 с. Запустите её и отправьте тестовое сообщение из второго терминала.
setup-write = Затем напишите аккаунту в Instagram с другого аккаунта и повторите запрос с `nextCursor` из ответа: `&after=m1`. Если ничего не поступает, причину объяснит `doctor`.
