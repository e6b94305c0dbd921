// What was done on the page as commands for a terminal. The key stays out of them.

import { classifyPath, enrollPath } from "./api.js";
import { addressOf } from "./call.js";
import { byId, say } from "./dom.js";
import { current } from "./keys.js";
import { toggleMenu } from "./menu.js";
import { t } from "./text.js";

const SHOWN_MS = 4000;

/** A button that offers the commands for the image of `entry()`, `{ file, part, taught }`. */
export function offerCurl(entry) {
  const opener = byId("answer-more");
  opener.addEventListener("click", () => {
    const { file, part, taught } = entry();
    const item = (text, name, path) => ({ text, name, run: () => copy(curl(path, file)) });
    const looked = item(t("answer.curl_classify"), "curl-classify", classifyPath(part));
    const items = taught
      ? [looked, item(t("answer.curl_teach", { label: taught }), "curl-teach", enrollPath(taught, part))]
      : [looked];
    toggleMenu(opener, items);
  });
}

function curl(path, file) {
  const key = current() === null ? "" : ' -H "authorization: Bearer $HANDFUL_KEY"';
  const type = file.type.startsWith("image/") ? file.type : "application/octet-stream";
  const address = new URL(addressOf(path), location.href).href;
  return `curl${key} -H ${quoted(`content-type: ${type}`)} --data-binary ${quoted(`@${file.name ?? "image.jpg"}`)} ${quoted(address)}`;
}

/** A word of a shell. */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

async function copy(text) {
  const done = await write(text);
  byId("answer-more").focus();
  say(byId("answer-copied"), t(done ? "answer.copied" : "answer.not_copied", { command: text }));
  if (done) setTimeout(() => say(byId("answer-copied"), ""), SHOWN_MS);
}

/** Whether the text is in the clipboard, which a page without https may not use. */
async function write(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
