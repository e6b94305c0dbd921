// The chosen colors, before anything is drawn: this is no module, so the page waits for it. settings.js changes them.

try {
  const theme = localStorage.getItem("handful-theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch {
  // Without storage the colors are those of the system.
}
