// The page is made by the server. This fetches it again when something has happened, and copies to the clipboard.
"use strict";

const AGAIN = 15_000;
const PAUSE = 1_000;
const live = document.querySelector("#live");

// Times in the reader's own.
function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    time.title = time.dateTime;
    time.textContent = at.toLocaleString();
  }
}

function say(state, text) {
  if (live.dataset.state !== state) {
    live.dataset.state = state;
    live.textContent = text;
  }
}

// Puts the parts of the page as they are now in the place of those that are shown.
async function refresh() {
  const answer = await fetch(".", { cache: "no-store" });
  if (!answer.ok) {
    throw new Error(`${answer.status}`);
  }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!page.querySelector("#live")) {
    // The session is over.
    location.reload();
    return;
  }
  document.title = page.title;
  for (const part of page.querySelectorAll("[data-part]")) {
    localTimes(part);
    const old = document.getElementById(part.id);
    for (const details of part.querySelectorAll("details[id]")) {
      details.open = document.getElementById(details.id)?.open ?? false;
    }
    if (old.outerHTML !== part.outerHTML) {
      old.replaceWith(document.adoptNode(part));
    }
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
    await refresh().catch(() => say("waiting", "no answer, trying again …"));
    await new Promise((done) => setTimeout(done, PAUSE));
  }
  running = false;
}

function follow(after) {
  const stream = new EventSource(`instagram/messages/stream?after=${after}`);
  stream.addEventListener("open", () => {
    say("live", "live");
    wantRefresh();
  });
  stream.addEventListener("message", wantRefresh);
  stream.addEventListener("error", () => {
    say("waiting", "not connected, trying again …");
    // Refused rather than broken off: the browser does not try again by itself.
    if (stream.readyState === EventSource.CLOSED) {
      setTimeout(() => {
        wantRefresh();
        follow("latest");
      }, PAUSE * 3);
    }
  });
}

async function copy(button) {
  const text = button.dataset.copy;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without TLS there is no clipboard but this one.
    const area = document.createElement("textarea");
    area.value = text;
    button.after(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  button.textContent = "Copied";
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) {
    copy(button);
  }
});

localTimes(document);
if (live) {
  follow(live.dataset.from);
  setInterval(() => document.hidden || wantRefresh(), AGAIN);
}
