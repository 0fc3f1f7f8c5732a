// The side of memory: search, facts to edit and delete, export, import, reset and forget.
import { $, NEW, ask, owner, part, show, status, sure, talk, user } from "./shared.js";

export const memory = () =>
  show("memory", part("memory", { thread: talk.thread === NEW ? "" : talk.thread }));

export const find = () => show("found", part("search", { q: $("q").value }));
const factOf = (element) => part(element.closest("form.fact").dataset.part);

async function change(element, options, told) {
  try {
    await show("facts", factOf(element), options);
    status(told);
  } catch (error) {
    await memory(); // it may have been changed elsewhere
    throw error;
  }
  if (!$("facts").contains(document.activeElement)) $("t-facts").focus();
  await find();
}

// `again` shows everything anew, of all conversations.
export function listen(again) {
  let searched = null;
  $("q").addEventListener("input", () => {
    clearTimeout(searched);
    searched = setTimeout(find, 300);
  });
  $("search").addEventListener("submit", (event) => {
    event.preventDefault();
    find();
  });

  $("memory").addEventListener("input", (event) => {
    event.target.closest("form.fact").querySelector("button").hidden = false;
  });
  $("memory").addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = new URLSearchParams(new FormData(event.target));
    const told = "The fact says it in your words from now on.";
    await change(event.target, { method: "POST", body }, told);
  });
  $("memory").addEventListener("click", async (event) => {
    const button = event.target.closest("button.delete");
    const question = "Delete this fact? It is not told again, nor drawn from what was said.";
    if (!button || !(await sure(question, "Delete"))) return;
    await change(button, { method: "DELETE" }, "The fact is deleted.");
  });

  $("export").addEventListener("click", async () => {
    const exported = await ask(`/memory/${user()}/export`, {}, "blob");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(exported);
    link.download = "mnemograph.jsonl";
    link.click();
    URL.revokeObjectURL(link.href);
  });
  $("import").addEventListener("change", async () => {
    const body = new FormData();
    body.append("file", $("import").files[0]);
    $("import").value = "";
    const counts = Object.entries(await ask(`/inspector/${user()}/import`, { method: "POST", body }, "json"));
    await again();
    status(`Imported ${counts.map(([name, count]) => `${count} ${name}`).join(", ")}.`);
  });
  $("reset").addEventListener("click", async () => {
    if (!(await sure("Forget all that was said with this character?", "Forget it"))) return;
    await ask(`/memory/${owner()}/reset`, { method: "POST" });
    await again();
    status("All that was said with this character is forgotten.");
  });
  $("forget").addEventListener("click", async () => {
    const question = "Forget every conversation with every character? This cannot be undone.";
    if (!(await sure(question, "Forget everything"))) return;
    await ask(`/memory/${user()}`, { method: "DELETE" });
    await again();
    status("Everything is forgotten.");
  });
}
