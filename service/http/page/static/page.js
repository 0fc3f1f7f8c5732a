// The page: who talks with whom, in which conversation, and signing in.
import { $, NEW, ask, character, needsToken, part, show, status, talk, token } from "./shared.js";
import { listen as listenToMemory, memory } from "./memory.js";
import { listen as listenToTalk, transcript } from "./talk.js";

function address() {
  const query = new URLSearchParams({ character: character() });
  if (!needsToken) query.set("user", talk.user);
  if (talk.thread && talk.thread !== NEW) query.set("thread", talk.thread);
  history.replaceState(null, "", `?${query}`);
}

async function threads() {
  await show("thread", part("threads"));
  if (![...$("thread").options].some((option) => option.value === talk.thread)) talk.thread = "";
  $("thread").value = talk.thread;
  address();
}

async function open(thread = "") {
  talk.thread = thread;
  status("");
  $("found").replaceChildren();
  await threads();
  await Promise.all([transcript(), memory()]);
}

$("who").addEventListener("submit", (event) => event.preventDefault());
$("user")?.addEventListener("change", () => {
  talk.user = $("user").value.trim() || "local";
  open();
});
$("character").addEventListener("change", () => open());
$("thread").addEventListener("change", () => open($("thread").value));
$("new-thread").addEventListener("click", async () => {
  await open(NEW);
  status("A new conversation: what was said before stays remembered.");
  $("message").focus();
});
listenToTalk(() => Promise.all([memory(), threads()]));
listenToMemory(open);

// Signing in

function signIn(error = "") {
  sessionStorage.removeItem("mnemo-token");
  $("sign-in-error").textContent = error;
  if (!$("sign-in").open) $("sign-in").showModal();
}

async function enter() {
  talk.user = (await (await ask("/inspector/whoami")).json()).user;
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
