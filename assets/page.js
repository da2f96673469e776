// The page is made by the server. This fetches it again when something has happened, and copies to the clipboard.
"use strict";

// Milliseconds: how often the page is fetched when nothing happens, how soon again at most, and how long it may take.
const AGAIN = 5_000;
const PAUSE = 1_000;
const PATIENCE = 15_000;
// How long a part stays as it is while somebody is at work in it.
const HELD = 60_000;

const live = document.querySelector("#live");
let isOpen = false;
let isFresh = true;

// Says whether what is shown is what there is.
function tell() {
  live.dataset.state = isOpen && isFresh ? "live" : "waiting";
  const text = !isFresh ? "no answer, trying again …" : isOpen ? "live" : "not connected, trying again …";
  if (live.textContent !== text) {
    live.textContent = text;
  }
}

// The exact time in the reader's own, to look at.
function titleTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    time.title = new Date(time.dateTime).toLocaleString();
  }
}

// Whether somebody is at work in it: it has the focus, or text in it is selected.
const held = new Map();
function isInUse(part) {
  const selection = document.getSelection();
  const isSelected = !selection.isCollapsed && selection.containsNode(part, true);
  if (!isSelected && !part.contains(document.activeElement)) {
    held.delete(part.id);
    return false;
  }
  const since = held.get(part.id) ?? Date.now();
  held.set(part.id, since);
  return Date.now() - since < HELD;
}

// Puts new rows before those that stay, and takes away those that are gone; what stays is not touched.
function putRows(old, now) {
  const keys = new Set(Array.from(now.children, (row) => row.dataset.key));
  for (const row of [...old.children]) {
    if (!keys.has(row.dataset.key)) {
      row.remove();
    }
  }
  let place = old.firstElementChild;
  for (const row of [...now.children]) {
    if (place?.dataset.key !== row.dataset.key) {
      old.insertBefore(row, place);
      continue;
    }
    const next = place.nextElementSibling;
    if (!place.isEqualNode(row)) {
      place.replaceWith(row);
    }
    place = next;
  }
}

// Puts a part as it is now in the place of the one that is shown: row by row, if nothing but rows is different.
function put(old, now) {
  const rows = [...now.querySelectorAll("[data-rows]")];
  const shown = rows.map((list) => document.getElementById(list.id));
  if (shown.every((list) => list && old.contains(list))) {
    rows.forEach((list, number) => putRows(shown[number], list.cloneNode(true)));
  }
  if (!old.isEqualNode(now) && !isInUse(old)) {
    old.replaceWith(document.adoptNode(now));
  }
}

// Puts the parts of the page as they are now in the place of those that are shown.
async function refresh() {
  const answer = await fetch(".", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
  if (!answer.ok) {
    throw new Error(`${answer.status}`);
  }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!page.querySelector("#live")) {
    // The session is over.
    location.reload();
    return;
  }
  const said = page.querySelector("#verdict").textContent;
  if (said !== document.querySelector("#verdict").textContent) {
    document.querySelector("#said").textContent = said;
  }
  document.title = page.title;
  for (const part of page.querySelectorAll("[data-part]")) {
    titleTimes(part);
    for (const details of part.querySelectorAll("details[id]")) {
      details.open = document.getElementById(details.id)?.open ?? false;
    }
    put(document.getElementById(part.id), part);
  }
}

// At most one at a time, and one more if something happened meanwhile.
let running = false;
let wanted = false;
async function wantRefresh() {
  wanted = true;
  if (running) {
    return;
  }
  running = true;
  while (wanted) {
    wanted = false;
    isFresh = await refresh().then(
      () => true,
      () => false,
    );
    tell();
    await new Promise((done) => setTimeout(done, PAUSE));
  }
  running = false;
}

// Only while somebody looks: a browser has few connections to one host, and other tabs want some, too.
let stream = null;
function follow() {
  if (stream || document.hidden) {
    return;
  }
  stream = new EventSource("instagram/messages/stream?after=latest");
  stream.addEventListener("open", () => {
    isOpen = true;
    tell();
    wantRefresh();
  });
  stream.addEventListener("message", wantRefresh);
  stream.addEventListener("error", () => {
    isOpen = false;
    tell();
    // Refused rather than broken off: the browser does not try again by itself.
    if (stream?.readyState === EventSource.CLOSED) {
      stream = null;
      wantRefresh();
      setTimeout(follow, PAUSE * 3);
    }
  });
}

function rest() {
  stream?.close();
  stream = null;
  isOpen = false;
}

async function copy(button) {
  const text = button.dataset.copy;
  let copied = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without TLS there is no clipboard but this one.
    const area = document.createElement("textarea");
    area.value = text;
    button.after(area);
    area.select();
    copied = document.execCommand("copy");
    area.remove();
    button.focus();
  }
  button.textContent = copied ? "Copied" : "Select it and copy it by hand";
  setTimeout(() => {
    button.textContent = "Copy";
  }, 2_000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) {
    copy(button);
  }
});

titleTimes(document);
if (live) {
  follow();
  document.addEventListener("visibilitychange", () => (document.hidden ? rest() : follow()));
  setInterval(() => document.hidden || wantRefresh(), AGAIN);
}
