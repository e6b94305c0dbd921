// Saves files of the service. A link cannot send the key, so with one the file is fetched first.

const KEPT_MS = 60_000; // the browser may still read the file after the click

/** Saves what was fetched, under its own name or `name`. */
export function save(file, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file.blob);
  link.download = file.name ?? name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}
