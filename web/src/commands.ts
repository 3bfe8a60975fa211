// Lines for a shell. Where the server wants a token they have $TOKEN in its place, which the shell fills in: the page
// knows none.

/* What a shell would read something into is percent-encoded, which means the same in an address. */
function quoted(url: string, tokens: boolean): string {
  const encoded = url.replace(/['"$`\\!]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  return tokens ? `"${encoded.replace("://", "://me:$TOKEN@")}"` : `'${encoded}'`;
}

/* go tool pprof sends a token as a password only, and takes that from the address; it doesn't matter of whom. */
export function pprofCommand(url: string, tokens: boolean): string {
  return `go tool pprof ${quoted(url, tokens)}`;
}

export function pushCommand(url: string, file: string, tokens: boolean): string {
  const header = tokens ? '-H "Authorization: Bearer $TOKEN" ' : "";
  return `curl ${header}--data-binary @${file} ${quoted(url, false)}`;
}
