// The back key of a phone closes an open dialog, as it does in apps, in place of leaving the page: each open dialog is
// an entry of the browser's history.

const open = []; // the dialogs, the topmost last
let returning = false; // whether the page itself goes back, so that a closed dialog leaves no entry

const depth = () => history.state?.dialogs ?? 0;

function settle() {
  if (returning) return;
  const more = open.length - depth();
  // The page must not scroll to where it was when the dialog was opened.
  if (more > 0) history.scrollRestoration = "manual";
  for (let n = depth() + 1; n <= open.length; n++) history.pushState({ dialogs: n }, "");
  if (more >= 0) return;
  returning = true;
  history.go(more);
}

new MutationObserver((changes) => {
  for (const { target } of changes) {
    if (target.tagName !== "DIALOG") continue;
    const at = open.indexOf(target);
    if (target.open && at < 0) open.push(target);
    else if (!target.open && at >= 0) open.splice(at, 1);
  }
  settle();
}).observe(document.body, { attributes: true, attributeFilter: ["open"], subtree: true });

window.addEventListener("popstate", () => {
  while (!returning && open.length > depth()) open.pop().close();
  returning = false;
  settle(); // a dialog was opened meanwhile, or the key for "forward" was pressed: a dialog is not opened by it
  if (depth() === 0 && !returning) history.scrollRestoration = "auto";
});

// The page was loaded again while a dialog was open.
if (depth() > 0) history.replaceState(null, "");
