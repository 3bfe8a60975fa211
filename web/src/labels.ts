// Label filters, as text in the address and as parts on the page. The text is the API's: key, operator, value,
// key and value escaped, joined by commas. "~" and "!" are escaped too, or a value that begins with one would
// read as an operator.

export type Operator = "=" | "!=" | "=~" | "!~";
export const operators: readonly Operator[] = ["=", "!=", "=~", "!~"];

export interface LabelFilter {
  key: string;
  op: Operator;
  value: string;
}

function escape(text: string): string {
  return encodeURIComponent(text).replace(
    /[~!*'()]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/* In a pattern a "+" is one; elsewhere it is a space, as in any query. */
function unescape(text: string, pattern = false): string {
  try {
    return decodeURIComponent(pattern ? text : text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

export function formatLabels(filters: readonly LabelFilter[]): string {
  return filters.map((f) => escape(f.key) + f.op + escape(f.value)).join(",");
}

export function parseLabels(text: string): LabelFilter[] {
  const filters: LabelFilter[] = [];
  for (const part of text.split(",")) {
    const m = /^([^=!]*)(!=|!~|=~|=)(.*)$/s.exec(part.trim());
    if (!m?.[1]) continue;
    const op = m[2] as Operator;
    filters.push({ key: unescape(m[1]), op, value: unescape(m[3] ?? "", op.endsWith("~")) });
  }
  return filters;
}

/* With `key` set to exactly `value`, instead of whatever was asked of it. */
export function withLabel(text: string, key: string, value: string): string {
  const others = parseLabels(text).filter((f) => f.key !== key);
  return formatLabels([...others, { key, op: "=", value }]);
}

export function withoutLabel(text: string, key: string): string {
  return formatLabels(parseLabels(text).filter((f) => f.key !== key));
}

/* "key=value" as somebody types it; null when it isn't one yet. */
export function parseTyped(text: string): LabelFilter | null {
  const m = /^\s*([^=!~]+?)\s*(!=|!~|=~|=)\s*(.*?)\s*$/s.exec(text);
  if (!m?.[1]) return null;
  return { key: m[1], op: m[2] as Operator, value: m[3] ?? "" };
}
