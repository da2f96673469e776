# The page.

# Views and navigation
views = Разделы
view-overview = Обзор
view-conversations = Диалоги
view-messages = Сообщения
view-deliveries = Доставки
view-quarantine = Карантин
view-forwarding = Пересылка
view-setup = Настройка
skip-to-content = К содержанию
log-in = Войти
log-out = Выйти
live = обновляется
live-connecting = подключение …
live-waiting = нет связи, пробуем снова …
live-stale = нет ответа, пробуем снова …
notify = Уведомлять
notify-new = Новое сообщение
times-are-in = Всё время указано в часовом поясе { $name }.
today = Сегодня
yesterday = Вчера
copy = Копировать
copied = Скопировано
copy-by-hand = Выделите и скопируйте вручную
all = Все
older = Более старые
newest = Самые новые
search = Найти
search-on = Пока ничего: искать дальше
nothing-found = Ничего не найдено.
time = Время
reason = Причина
count = Количество
state = Состояние
id = Идентификатор
cancel = Отмена
failure = Это нельзя показать

# Login
api-token = Токен API
login-wrong = Это не токен API. Найдите API_TOKEN в файле .env или в окружении сервиса.
login-too-long = Это длиннее любого токена API.
where-is-the-token = Значение API_TOKEN. Если переменная не задана, сервис создал токен сам: он показан при первом запуске и лежит в файле api_token каталога данных.

# Overview
connect-chatrace = Подключить Chatrace
newest-conversations = Последние диалоги
all-conversations = Все диалоги
no-conversation-yet = Сообщений пока нет.
database-away = База данных недоступна.
numbers = Числа
messages-ever = Сообщений за всё время
received-ever = Получено за всё время
sent-ever = Отправлено за всё время
people-ever = Людей в Instagram за всё время
in-quarantine = В карантине
waiting-on-disk = Ждут на диске
chart-of = График
chart-hours = 24 часа
chart-days = 30 дней
chart-weeks = 12 недель
messages-by-hour = Сообщения по часам за последние 24 часа
messages-by-day = Сообщения по дням за последние 30 дней
messages-by-week = Сообщения по неделям за последние 12 недель
as-numbers = Числами
kinds-and-delay = Виды и задержка
usual-delay = От отправки до получения обычно проходит { $name }: медиана последних сообщений, в которых указано время отправки.
needs-attention = Требует внимания
nothing-needs-attention = Ничего: всё в порядке, насколько это известно.
other-checks = Остальные проверки
check-outside = Проверить ещё раз, включая публичный адрес и API Chatrace
rejected-requests = Отклонено этим процессом
method = Метод
content-type = Тип содержимого
program = Программа

# Conversations
search-people = Поиск людей
channel = Канал
you = Вы:
also-known-as = Другие идентификаторы:
export-csv = Скачать таблицу
export-jsonl = Скачать JSON
erase-person = Стереть данные человека
erase-now = Стереть навсегда
erase-cannot-be-undone = Сообщения, контакт и все исходные тела запросов с ними удаляются. Отменить это нельзя.
back-to-conversation = Назад к диалогу
no-message-here = Сообщений этого человека не сохранилось.
delivery-of = Доставка от

# Messages
search-and-filter = Поиск и фильтры
search-text = Текст
person-id = Идентификатор человека
kind = Вид
direction = Направление
since = С
until = До
no-message-yet = Сообщений пока нет.
direction-inbound = получено
direction-outbound = отправлено
kind-text = текст
kind-media = файл или картинка
kind-share = пересланная публикация
kind-story-mention = упоминание в истории
kind-postback = нажатая кнопка
kind-reaction = реакция
kind-comment = комментарий
kind-edit = изменено
kind-deletion = удалено
kind-referral = переход по ссылке
kind-unsupported = содержимое неизвестно

# Deliveries
delivery = Доставка
no-delivery-yet = Пока ничего не пришло.
arrived = Пришло
outcome = Итог
shape = Форма
bytes = Байты
outcome-stored = сохранено
outcome-duplicate = повтор
outcome-ignored = без сообщения
outcome-quarantined = в карантине
outcome-spooled = на диске
request = Запрос
items = Части
item = Часть
message = Сообщение
to-conversation = К диалогу
field = Поле
value = Значение
read-from = Найдено в теле
headers = Заголовки
body = Тело
body-erased = Стёрто вместе с данными человека.
not-json = Это не JSON: { $name }. Место отмечено.
copy-as-curl = Копировать как curl
download-body = Скачать как пришло
credentials-redacted = Показано как текст. Пароли и ключи скрыты, здесь и в заголовках.
read-it-again = Прочитать ещё раз
this-delivery = эту доставку

# Quarantine
quarantine-explained = Здесь хранится то, что пришло, но не прочитано как сообщение. Ничего не потеряно.
quarantine-empty = Карантин пуст.
quarantine-how-to-fix = Исправьте тело в External API Request или опишите его в BODY_TEMPLATE, затем прочитайте всё ещё раз. То, что теперь читается, будет сохранено.
read-all-again = Попробовать прочитать всё ещё раз
read-all-again-now = Прочитать и сохранить

# Forwarding
no-destination = Сообщения никуда не пересылаются. Чтобы пересылать их, задайте эти переменные и перезапустите сервис.
destination-host = Хост
destination-up = принимает
destination-down = ничего не принимает
destination-paused = приостановлено
destination-not-configured = больше не настроено
waiting = Ждут
oldest-from = с
tried-again = Будут повторены
dead-letters = Недоставленные
forwarded-ever = Переслано за всё время
first-refused = Первый отказ
attempts = Попытки
last-failure = Последний отказ
pause = Приостановить
resume = Продолжить
retry-dead-letters = Повторить недоставленные
replay = Переслать снова
replay-since = Начиная с дня
paused-destination = { $name }: приостановлено. Новые сообщения ждут.
resumed-destination = { $name }: пересылка продолжается.

# Setup
what-to-enter = Что ввести
step-by-step = По шагам
header-name = Имя заголовка
header-value = Значение заголовка
show-secret = Показать
no-secret-set = WEBHOOK_SECRET не задан: кто знает URL, может присылать сообщения.

# With a number
messages = { $count ->
    [one] { $count } сообщение
    [few] { $count } сообщения
   *[many] { $count } сообщений
}
byte-count = { $count ->
    [one] { $count } байт
    [few] { $count } байта
   *[many] { $count } байт
}
more-attachments = { $count ->
    [one] и ещё { $count } вложение
    [few] и ещё { $count } вложения
   *[many] и ещё { $count } вложений
}
more-items = { $count ->
    [one] и ещё { $count } часть
    [few] и ещё { $count } части
   *[many] и ещё { $count } частей
}
would-erase = { $count ->
    [one] Будет стёрто { $count } сообщение:
    [few] Будет стёрто { $count } сообщения:
   *[many] Будет стёрто { $count } сообщений:
}
revived-dead-letters = { $count ->
    [one] { $name }: повторяется { $count } недоставленное сообщение.
    [few] { $name }: повторяются { $count } недоставленных сообщения.
   *[many] { $name }: повторяются { $count } недоставленных сообщений.
}
replaying = { $count ->
    [one] { $name }: снова пересылается { $count } сообщение.
    [few] { $name }: снова пересылаются { $count } сообщения.
   *[many] { $name }: снова пересылаются { $count } сообщений.
}
erased-person = Стёрто: { $messages ->
    [one] { $messages } сообщение
    [few] { $messages } сообщения
   *[many] { $messages } сообщений
}, { $deliveries ->
    [one] { $deliveries } исходное тело
    [few] { $deliveries } исходных тела
   *[many] { $deliveries } исходных тел
}.
read-again = Прочитано ещё раз: { $deliveries ->
    [one] { $deliveries } доставка
    [few] { $deliveries } доставки
   *[many] { $deliveries } доставок
}. Новых сообщений: { $stored }. Уже известных: { $duplicates }. Осталось в карантине: { $left }.
would-read-again = Проба: { $deliveries ->
    [one] { $deliveries } доставка
    [few] { $deliveries } доставки
   *[many] { $deliveries } доставок
}. Новых сообщений: { $stored }. Уже известных: { $duplicates }. Осталось бы в карантине: { $left }. Ничего не изменено.
