// The page: who talks with whom, in which conversation, and signing in.
import { $, NEW, address, ask, character, needsToken, part, show, status, talk, token } from "./shared.js";
import { find, listen as listenToMemory, memory } from "./memory.js";
import { atEnd, listen as listenToTalk, opened, transcript } from "./talk.js";

async function threads() {
  if (!(await show("thread", part("threads")))) return;
  if (![...$("thread").options].some((option) => option.value === talk.thread)) talk.thread = "";
  $("thread").value = talk.thread;
  address();
}

let opening = null;

function open(thread = "") {
  talk.thread = thread;
  status("");
  opened();
  opening = load();
  return opening;
}

async function load() {
  await threads();
  await Promise.all([transcript(), memory(), find()]);
}

function openOther() {
  $("q").value = "";
  return open();
}

$("who").addEventListener("submit", (event) => event.preventDefault());
$("user")?.addEventListener("change", () => {
  talk.user = $("user").value.trim() || "local";
  openOther();
});
$("character").addEventListener("change", openOther);
$("thread").addEventListener("change", () => open($("thread").value));
$("new-thread").addEventListener("click", async () => {
  await open(NEW);
  status("A new conversation: what was said before stays remembered.");
  $("message").focus();
});
const ready = () => opening?.catch(() => {}); // what went wrong is said already
listenToTalk(ready, () => Promise.all([memory(), threads()]));
listenToMemory(open);
document.addEventListener("visibilitychange", () => {
  // Another tab, or another channel, may have gone on with it.
  const idle = document.visibilityState === "visible" && !$("send").disabled && !$("sign-in")?.open;
  if (idle) Promise.all([threads(), memory(), atEnd() && transcript()]);
});

// Signing in

function signIn(error = "") {
  sessionStorage.removeItem("mnemo-token");
  $("sign-in-error").textContent = error;
  if (!$("sign-in").open) $("sign-in").showModal();
}

async function enter() {
  talk.user = (await ask("/inspector/whoami", {}, "json")).user;
  $("sign-in").close();
  $("sign-out").hidden = false;
  await open(talk.thread);
}

document.addEventListener("signed-out", () => signIn("The token is not valid here, or has ended."));
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

const asked = new URLSearchParams(location.search).get("character");
if ([...$("character").options].some((option) => option.value === asked)) $("character").value = asked;
if (!needsToken) {
  $("user").value = talk.user;
  open(talk.thread);
} else if (token()) {
  enter().catch(() => {});
} else {
  signIn();
}
