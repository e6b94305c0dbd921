// Connects the page: clicks and files go to Look (classify), Teach (enroll) or List (classes).

import { classes, gallery, ownFile, version } from "./api.js";
import "./back.js";
import { Burst } from "./burst.js";
import { onReachable } from "./call.js";
import { Camera, whyNoCamera } from "./camera.js";
import { Carry } from "./carry.js";
import { Check } from "./check.js";
import { Correct } from "./correct.js";
import { open } from "./dialogs.js";
import { byId, dropZone, fileInput, reveal, say, show, showErrors } from "./dom.js";
import { renew } from "./enlarge.js";
import { First } from "./first.js";
import { picked } from "./folders.js";
import { Galleries } from "./galleries.js";
import { History } from "./history.js";
import { Keep } from "./keep.js";
import { askAgain, current } from "./keys.js";
import { Lens } from "./lens.js";
import { List } from "./list.js";
import { Look } from "./look.js";
import { None } from "./none.js";
import { Rate } from "./rate.js";
import { Reembed } from "./reembed.js";
import { save } from "./save.js";
import { Settings } from "./settings.js";
import { listen } from "./shortcuts.js";
import { Teach } from "./teach.js";
import { t, translate } from "./text.js";
import { Undo } from "./undo.js";

// First: what follows reads and replaces texts of the page.
translate(document.body);
if (!/^(localhost|127\.[\d.]+|\[::1\]|.+\.localhost)$/.test(location.hostname)) {
  byId("private").textContent = t("frame.private-host", { host: location.hostname });
}

const RETRY_MS = 3000;
const EARLY_MS = 1200; // that the page waits for the first answer before it is shown

const camera = new Camera(byId("video"), byId("teach-video"));
const correct = new Correct(changed, () => list.labels);
const look = new Look(camera, correct, stopCamera);
const teach = new Teach(changed, (label) => list.classOf(label));
const burst = new Burst(camera, () => startCamera(true), teach);
const lens = new Lens(camera, cameraFailed);
const list = new List((files, label) => teach.add(files, label), changed);
const none = new None(changed);
const rate = new Rate((tried) => look.decideBy(tried), changed);
const keep = new Keep(changed);
const check = new Check(changed, list);
const history = new History(changed);
const undo = new Undo(async () => {
  await changed();
  await renew();
});
const carry = new Carry(changed, (text) => undo.say(text));
const galleries = new Galleries(switched);
const reembed = new Reembed(changed);
const first = new First(changed, {
  look: (files) => lookAt(files, true),
  forget: (entry) => look.forget(entry),
  labels: async () => (await classes()).map(({ label }) => label),
});
const settings = new Settings(() => first.again());

// The gallery has changed: show it and classify the shown images again. `done` can be taken back.
async function changed(done) {
  if (done) undo.offer(done);
  await refresh();
  await look.again();
}

// Another gallery is shown: what was offered belongs to the one before.
async function switched(done) {
  undo.forget();
  await changed(done);
}

async function refresh() {
  // First, since the gallery that is shown may be gone; if it fails, the list shows why.
  await galleries.refresh().catch(() => {});
  const shown = await gallery().catch(() => null); // the list shows why
  list.locked = shown?.other_space ?? false;
  list.revision = shown?.revision ?? null;
  await list.refresh();
  history.refresh();
  carry.show();
  if (!shown) return;
  for (const part of [teach, none, rate, keep, check, reembed, first, settings]) part.show(shown);
}

// --- classify
function lookAt(files, quiet = false) {
  if (files.length === 0) return undefined; // text was pasted, such as a key
  look.clear(); // else the images of before would be shown as the camera stops
  if (camera.running) stopCamera();
  return look.images(files, quiet);
}
fileInput(byId("look-files"), (files) => lookAt(files));
fileInput(byId("look-photo"), (files) => lookAt(files));
dropZone(byId("stage"), (files) => lookAt(files));
byId("stage-empty").addEventListener("click", () => byId("look-files").click());
byId("look-clear").addEventListener("click", () => {
  look.clear();
  if (camera.running) look.live();
  byId("look-files").focus();
});

// An image that is pasted where classes are added teaches; elsewhere it is classified.
const teachCard = document.querySelector('[data-drop="teach"]');
document.addEventListener("paste", (event) => {
  const files = [...event.clipboardData.files];
  if (teachCard.contains(document.activeElement)) learn(files);
  else lookAt(files);
});

byId("note-meaning").addEventListener("click", ({ target }) => list.askMeaning(target.value));

// --- the camera, shared by classify and enroll
async function startCamera(toTeach = false) {
  say(byId("camera-note"), "");
  try {
    await camera.start(stopCamera);
    cameraButtons();
    look.live();
    if (toTeach) reveal(byId("teach-camera"));
  } catch (error) {
    noCamera(error.message, true);
    if (toTeach) showErrors(byId("teach-errors"), [error.message]); // where the button is
  }
}

function stopCamera() {
  camera.stop();
  cameraButtons();
  look.rest();
}

function cameraButtons() {
  byId("camera-toggle").textContent = t(camera.running ? "look.camera_stop" : "look.camera_start");
  burst.show();
  lens.show();
}

// Another camera did not start.
function cameraFailed(message) {
  stopCamera();
  noCamera(message, true);
}

// Without a live camera a phone can still take single photos through a file input.
function noCamera(reason, failed = false) {
  byId("camera-note").className = failed ? "error" : "notice";
  say(byId("camera-note"), reason);
  show(byId("look-capture"), true);
  show(byId("teach-capture"), true);
}

byId("camera-toggle").addEventListener("click", () => (camera.running ? stopCamera() : startCamera()));
byId("teach-off").addEventListener("click", () => {
  stopCamera();
  byId("teach-camera").focus();
});

const reason = whyNoCamera();
if (reason) {
  show(byId("camera-toggle"), false);
  show(byId("teach-camera"), false);
  noCamera(reason);
}

// --- enroll
const learn = (files) => teach.add(files);
fileInput(byId("teach-files"), learn);
fileInput(byId("teach-photo"), learn);
fileInput(byId("teach-folder"), (files) => teach.addFolders(picked(files)));
dropZone(teachCard, (files, groups) => teach.addFolders(groups));

// An image dropped outside the drop zones must not replace the page.
for (const type of ["dragover", "drop"]) window.addEventListener(type, (event) => event.preventDefault());

// --- health and version of the service
function health(ready) {
  byId("health").dataset.state = ready ? "ready" : "lost";
  const text = t(ready ? "frame.ready" : "frame.lost");
  if (byId("health-text").textContent !== text) byId("health-text").textContent = text;
}

let retry = null;
onReachable((reachable) => {
  health(reachable);
  if (reachable || retry) return;
  retry = setTimeout(() => { retry = null; connect(); }, RETRY_MS);
});

async function connect() {
  try {
    about(await version());
  } catch (problem) {
    if (problem.code === "unreachable") return; // onReachable shows the failure and tries again
  }
  await refresh(); // the list shows what else failed
  shown();
}

// What stands on the page is known: from now on nothing above moves the rest.
function shown() {
  document.body.classList.remove("early");
}
setTimeout(shown, EARLY_MS);

function about(service) {
  const { name, names } = service.bundle;
  teach.useNames(names);
  list.names = names;
  first.names = names;
  reembed.bundle = name;
  settings.about(service);
}

// --- keys
function go(element) {
  element.scrollIntoView({ block: "center" });
  element.focus();
}

listen({
  help: () => open("help"),
  name: () => { go(byId("teach-name")); teach.focus(); },
  search: () => { list.search(); go(byId("classes-search")); },
  camera: () => { if (!byId("camera-toggle").hidden && !byId("camera-toggle").disabled) byId("camera-toggle").click(); },
  galleries: () => open("galleries"),
  settings: () => open("settings"),
  undo: () => undo.last(),
});
byId("foot-change").addEventListener("click", () => { open("settings"); byId("keep-images").focus(); });

// --- the key of the service
byId("key-enter").addEventListener("click", () => {
  askAgain();
  connect();
});

// A link cannot send the key.
for (const link of document.querySelectorAll("[data-file]")) {
  link.addEventListener("click", async (event) => {
    if (current() === null) return;
    event.preventDefault();
    say(byId("file-error"), "");
    try {
      save(await ownFile(link.dataset.file), link.dataset.file);
    } catch (problem) {
      say(byId("file-error"), problem.message);
    }
  });
}

// Another client may have changed the gallery meanwhile.
window.addEventListener("focus", () => { if (!document.querySelector(".rename")) refresh(); });

connect();
