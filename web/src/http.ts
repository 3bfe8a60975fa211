// One call: its answer, or an ApiError that says what the server said.

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly requestId: string | null = null,
    readonly kind: string = "", // docs/api.md lists them; empty: not an answer of profefe's
  ) {
    super(message);
  }
  get isNothing(): boolean {
    return this.status === 404;
  }
  /* A 401 of another kind is that of a proxy in front, which takes none of our tokens. */
  get wantsToken(): boolean {
    return this.status === 401 && this.kind === "unauthenticated";
  }
}

async function problem(response: Response): Promise<ApiError> {
  let message = `${response.status} ${response.statusText}`;
  let kind = "";
  try {
    const answer = (await response.json()) as { error?: unknown; kind?: unknown };
    if (typeof answer.error === "string") message = answer.error;
    if (typeof answer.kind === "string") kind = answer.kind;
  } catch {
    // a proxy's page, or nothing: the status says it
  }
  return new ApiError(response.status, message, response.headers.get("x-request-id"), kind);
}

export async function send(url: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (e) {
    if (init.signal?.aborted) throw e;
    throw new ApiError(0, "The server can't be reached.");
  }
  if (response.ok) return response;
  throw await problem(response);
}

export async function bodyOf<T>(response: Response): Promise<T> {
  return ((await response.json()) as { body: T }).body;
}
