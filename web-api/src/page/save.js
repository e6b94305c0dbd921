// Saves files of the service. A link cannot send the key, so with one the file is fetched first.

const KEPT_MS = 60_000; // the browser may still read the file after the click

/** A file name with the day, as the technician counts it. */
export function dated(name, end) {
  const now = new Date();
  const day = [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
  return `${name}-${day}.${end}`;
}

/** Saves what was fetched, under its own name or `name`. */
export function save(file, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file.blob);
  link.download = file.name ?? name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}
