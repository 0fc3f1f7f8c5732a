"use strict";
// The page's own behaviour: who talks with whom, replies as they stream, and what a click changes.

const $ = (id) => document.getElementById(id);
const needsToken = document.body.dataset.token === "yes";
const greetings = JSON.parse(document.body.dataset.greetings);
const at = new URLSearchParams(location.search);
let user = at.get("user") || "local";
let thread = at.get("thread") || "";
let begun = false; // whether the next message begins a conversation
let answering = null;

const token = () => sessionStorage.getItem("mnemo-token");
const headers = (more = {}) => (token() ? { ...more, authorization: `Bearer ${token()}` } : more);
const character = () => $("character").value;
const ids = () => `${encodeURIComponent(user)}/${encodeURIComponent(character())}`;
const part = (name) => `/inspector/${ids()}/${name}`;

function status(text) {
  $("status").textContent = text;
}

async function ask(url, options = {}) {
  const answer = await fetch(url, { ...options, headers: headers(options.headers) });
  if (answer.status === 401 && needsToken) {
    signIn("The token is not valid here, or has ended.");
    throw new Error("not signed in");
  }
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    const text = problem.detail || `The server answered ${answer.status}.`;
    status(text);
    throw new Error(text);
  }
  return answer;
}

async function show(id, url, options) {
  $(id).innerHTML = await (await ask(url, options)).text();
  local($(id));
}

function local(place) {
  for (const time of place.querySelectorAll("time[datetime]")) {
    const form = time.className === "day" ? {} : { timeStyle: "short" };
    time.textContent = new Date(time.dateTime).toLocaleString([], { dateStyle: "medium", ...form });
  }
}

// Whose conversation

function remember() {
  const query = new URLSearchParams();
  if (!needsToken) query.set("user", user);
  query.set("character", character());
  if (thread) query.set("thread", thread);
  history.replaceState(null, "", `?${query}`);
}

async function open() {
  remember();
  status("");
  $("found").innerHTML = "";
  await Promise.all([threads(), transcript(), memory()]);
}

async function threads() {
  await show("thread", part("threads"));
  $("thread").value = [...$("thread").options].some((o) => o.value === thread) ? thread : "";
}

const memory = () =>
  show("memory", part(`memory${thread ? `?thread=${encodeURIComponent(thread)}` : ""}`));

async function transcript() {
  await show("transcript", part("transcript"));
  if (!$("transcript").querySelector(".turn") && greetings[character()]) {
    addMessage("assistant", greetings[character()]);
  }
  $("scroll").scrollTop = $("scroll").scrollHeight;
  watch();
}

const older = new IntersectionObserver(
  async (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      older.unobserve(target);
      const url = part(`transcript?before=${encodeURIComponent(target.dataset.before)}`);
      const html = await (await ask(url)).text();
      const below = $("scroll").scrollHeight - $("scroll").scrollTop;
      target.outerHTML = html;
      local($("transcript"));
      $("scroll").scrollTop = $("scroll").scrollHeight - below;
      watch();
    }
  },
  { root: $("scroll") },
);

function watch() {
  const mark = $("transcript").querySelector(".older");
  if (mark) older.observe(mark);
}

// Talking

function addMessage(role, text) {
  $("transcript").querySelector(".empty")?.remove();
  const line = document.createElement("p");
  line.className = role;
  line.dir = "auto";
  line.textContent = text;
  $("transcript").append(line);
  $("scroll").scrollTop = $("scroll").scrollHeight;
  return line;
}

async function* events(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const name = /^event: (.*)$/m.exec(block)?.[1];
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (name && data) yield [name, JSON.parse(data)];
    }
  }
}

const STEPS = {
  search: "searching memory…",
  fold: "summing up what is older…",
  extract: "looking for facts…",
};

async function say(message) {
  const body = { message, stream: true };
  if (thread) body.thread_id = thread;
  else if (begun) body.new = true;
  addMessage("user", message);
  const reply = addMessage("assistant", "");
  reply.classList.add("coming");
  const since = Date.now();
  const clock = setInterval(() => {
    if (!reply.textContent) status(`thinking… ${Math.round((Date.now() - since) / 1000)} s`);
  }, 1000);
  answering = new AbortController();
  try {
    const answer = await ask(`/chat/${ids()}`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "text/event-stream" },
      body: JSON.stringify(body),
      signal: answering.signal,
    });
    for await (const [name, data] of events(answer)) {
      if (name === "thread") {
        thread = data.thread_id;
        begun = false;
      } else if (name === "token") {
        if (!reply.textContent) status("");
        reply.textContent += data.text;
        $("scroll").scrollTop = $("scroll").scrollHeight;
      } else if (name === "step") {
        status(STEPS[data.step] || "");
      } else if (name === "done") {
        if (data.reply) reply.textContent = data.reply;
        status(data.error || (data.folded ? `${data.folded} messages became an episode.` : ""));
      }
    }
  } catch (error) {
    if (error.name !== "AbortError") status(error.message);
  } finally {
    clearInterval(clock);
    answering = null;
    reply.classList.remove("coming");
    if (!reply.textContent) reply.remove();
    remember();
  }
  await Promise.all([memory(), threads()]);
}

$("say").addEventListener("submit", async (event) => {
  event.preventDefault();
  const message = $("message").value.trim();
  if (!message || answering) return;
  $("message").value = "";
  $("send").disabled = true;
  try {
    await say(message);
  } finally {
    $("send").disabled = false;
    $("message").focus();
  }
});

$("message").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $("say").requestSubmit();
  }
});

$("who").addEventListener("submit", (event) => event.preventDefault());
$("user")?.addEventListener("change", () => {
  user = $("user").value.trim() || "local";
  thread = "";
  open();
});
$("character").addEventListener("change", () => {
  thread = "";
  open();
});
$("thread").addEventListener("change", () => {
  thread = $("thread").value;
  begun = false;
  open();
});
$("new-thread").addEventListener("click", () => {
  thread = "";
  begun = true;
  remember();
  status("The next message begins a new conversation.");
  $("message").focus();
});

// Memory

let searched = null;
$("q").addEventListener("input", () => {
  clearTimeout(searched);
  searched = setTimeout(find, 300);
});
$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  find();
});
const find = () => show("found", part(`search?q=${encodeURIComponent($("q").value)}`));

$("memory").addEventListener("input", (event) => {
  const form = event.target.closest("form.fact");
  if (form) form.querySelector("button").hidden = false;
});
$("memory").addEventListener("submit", async (event) => {
  const form = event.target.closest("form.fact");
  if (!form) return;
  event.preventDefault();
  await show("facts", part(form.dataset.part), {
    method: "POST",
    body: new URLSearchParams(new FormData(form)),
  });
  status("The fact says it in your words from now on.");
});
$("memory").addEventListener("click", async (event) => {
  const button = event.target.closest("button.delete");
  if (!button || !confirm("Delete this fact? It is not told again, nor drawn from what was said.")) return;
  await show("facts", part(button.dataset.part), { method: "DELETE" });
  status("The fact is deleted.");
});

$("export").addEventListener("click", async () => {
  const answer = await ask(`/memory/${encodeURIComponent(user)}/export`);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = "mnemograph.jsonl";
  link.click();
  URL.revokeObjectURL(link.href);
});
$("import").addEventListener("change", async () => {
  const body = new FormData();
  body.append("file", $("import").files[0]);
  $("import").value = "";
  const counts = await (await ask(`/inspector/${encodeURIComponent(user)}/import`, { method: "POST", body })).json();
  thread = "";
  await open();
  status(`Imported ${Object.entries(counts).map(([name, count]) => `${count} ${name}`).join(", ")}.`);
});
$("reset").addEventListener("click", async () => {
  if (!confirm("Forget all that was said with this character?")) return;
  await ask(`/memory/${ids()}/reset`, { method: "POST" });
  thread = "";
  await open();
  status("All that was said with this character is forgotten.");
});
$("forget").addEventListener("click", async () => {
  if (!confirm("Forget every conversation with every character? This cannot be undone.")) return;
  await ask(`/memory/${encodeURIComponent(user)}`, { method: "DELETE" });
  thread = "";
  await open();
  status("Everything is forgotten.");
});

// Signing in

function signIn(error = "") {
  sessionStorage.removeItem("mnemo-token");
  $("sign-in-error").textContent = error;
  if (!$("sign-in").open) $("sign-in").showModal();
}

async function enter() {
  user = (await (await ask("/inspector/whoami")).json()).user;
  $("sign-in").close();
  $("sign-out").hidden = false;
  await open();
}

$("sign-in-form")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  sessionStorage.setItem("mnemo-token", $("token").value.trim());
  $("token").value = "";
  await enter().catch(() => {});
});
$("sign-out")?.addEventListener("click", () => {
  sessionStorage.removeItem("mnemo-token");
  location.reload();
});

if ([...$("character").options].some((o) => o.value === at.get("character"))) {
  $("character").value = at.get("character");
}
if (!needsToken) {
  $("user").value = user;
  open();
} else if (token()) {
  enter().catch(() => {});
} else {
  signIn();
}
