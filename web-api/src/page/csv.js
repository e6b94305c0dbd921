// Tables as text for spreadsheets (RFC 4180), with the separator and the decimal point of the page's language: a
// spreadsheet of that language expects them.

import { t } from "./text.js";

// What a spreadsheet would compute.
const FORMULA = /^[=+\-@\t\r]/;

const MARK = "\uFEFF"; // without it a spreadsheet may take the text for another encoding

/** The text of rows of values; null and undefined are empty. */
export const csv = (rows) => MARK + rows.map((row) => `${row.map(field).join(t("csv.separator"))}\r\n`).join("");

function field(value) {
  if (typeof value === "number") return String(value).replace(".", t("csv.point"));
  const text = String(value ?? "");
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",;\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
