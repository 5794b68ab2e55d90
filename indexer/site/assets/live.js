// What needs a clock: the badge, `2 h ago`, and looking again. And buttons to copy commands.

const LOOK_SECONDS = 15;
const byId = (id) => document.getElementById(id);
let clockOffset = 0; // the mirror's clock minus ours, in seconds: its times are compared with its own
let lastStatus; // what status.json said last; null if it is no JSON
let lastShown = "";

const serverNow = () => Date.now() / 1000 + clockOffset;

function showTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = Date.parse(time.dateTime);
    if (Number.isNaN(at)) continue; // as it is written
    time.title = time.title || time.textContent;
    time.textContent = ago(serverNow() - at / 1000);
  }
}

function showBadge(judged) {
  const badge = byId("badge");
  badge.dataset.level = judged.level;
  if (badge.textContent !== judged.text) badge.textContent = judged.text;
}

async function look() {
  let answer;
  try {
    answer = await fetch("/status.json", { cache: "no-cache" });
    const date = Date.parse(answer.headers.get("Date") || "");
    if (date) clockOffset = (date - Date.now()) / 1000;
    if (answer.ok) lastStatus = parsed(await answer.text());
  } catch {
    showBadge({ level: "bad", text: "The mirror does not answer" });
    return;
  }
  if (lastStatus === undefined) return; // a mirror that has not written one yet
  showBadge(judge(lastStatus, serverNow()));
  const shown = JSON.stringify({ ...lastStatus, written: 0, sync: { ...lastStatus?.sync, reported: 0 } });
  const isNews = lastShown && shown !== lastShown;
  try {
    if (isNews) await takeOver();
    lastShown = shown;
  } catch {
    // the mirror went away between the two: the next look is for the same news
  }
  showTimes(document);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// Fetches this page again and takes over what changed, without touching what one is working on.
async function takeOver() {
  const answer = await fetch("/", { cache: "no-cache" });
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const script = (page) => page.querySelector("script[src]")?.getAttribute("src");
  if (script(fresh) !== script(document) || !!fresh.getElementById("search") !== !!byId("search")) {
    location.reload();
    return;
  }
  for (const old of document.querySelectorAll("[data-live]")) {
    const renewed = fresh.getElementById(old.id);
    if (!renewed) continue;
    for (const details of old.querySelectorAll("details[id]")) {
      const same = renewed.querySelector(`#${CSS.escape(details.id)}`);
      if (same) same.open = details.open;
    }
    old.replaceWith(document.adoptNode(renewed));
    addCopyButtons(renewed);
  }
  document.dispatchEvent(new Event("published"));
}

function addCopyButtons(root) {
  for (const pre of root.querySelectorAll("pre.command")) {
    if (pre.parentElement.className === "copyable") continue;
    const code = pre.querySelector("code");
    if (code && !code.textContent.trim().includes("\n")) showCommand(code, code.textContent);
    const box = document.createElement("div");
    box.className = "copyable";
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", () => {
      button.textContent = copy(pre) ? "Copied" : "Select it";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    pre.replaceWith(box);
    box.append(pre, button);
  }
}

// Words stay whole where a line is too long: a browser would break at hyphens.
function showCommand(code, text) {
  const words = text.split(" ").map((word) => {
    const whole = document.createElement("span");
    whole.textContent = word;
    return whole;
  });
  code.replaceChildren(...words.flatMap((word, at) => (at ? [" ", word] : [word])));
}

// The clipboard's own interface wants https, which a LAN often lacks.
function copy(element) {
  const selection = getSelection();
  selection.selectAllChildren(element);
  const copied = document.execCommand("copy");
  if (copied) selection.removeAllRanges();
  return copied;
}

addCopyButtons(document);
showTimes(document);
look();
setInterval(() => { if (!document.hidden) look(); }, LOOK_SECONDS * 1000);
document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
