// Requests to the HTTP API. Paths are relative to the page: it may stand behind a proxy, under a prefix.

import * as session from "./session.js";

/** What went wrong, as the service said it (RFC 9457). `status` is 0 when it said nothing. */
export class Problem extends Error {
  constructor({ status, title, detail, code, errors = [], request_id: requestId = "" }) {
    super(detail);
    Object.assign(this, { status, title, code, errors, requestId });
  }
}

/** What a GET answers. */
export async function get(path, options = {}) {
  return (await send(path, options)).json();
}

/** What a POST of a JSON body answers; without a body, a bare POST. */
export async function post(path, body, options = {}) {
  return (await send(path, { ...options, method: "POST", body })).json();
}

/**
 * The response to a request, if it is a good one.
 *
 * Where the service wants a key, the person is asked for one, and the request is made again with it.
 */
export async function send(path, { method = "GET", body, accept = "application/json", headers = {}, signal } = {}) {
  const request = { method, headers: { accept, ...headers }, signal };
  if (body instanceof Blob) request.body = body;
  else if (body !== undefined) {
    request.headers["content-type"] = "application/json";
    request.body = typeof body === "string" ? body : JSON.stringify(body);
  }
  for (;;) {
    const key = session.key();
    const answer = await fetched(path, key === null ? request : withKey(request, key));
    if (answer.ok) return answer;
    const problem = await problemOf(answer);
    if (problem.status !== 401) throw problem;
    // Another request may have been given a key meanwhile.
    if (session.key() === key && !(await session.wantKey(problem.message))) throw problem;
  }
}

/** Whether the service takes a key; throws what else it says. */
export async function takesKey(key) {
  const answer = await fetched("v1/models", withKey({ method: "GET", headers: {} }, key));
  if (answer.ok) return true;
  const problem = await problemOf(answer);
  if (problem.status === 401) return false;
  throw problem;
}

function withKey(request, key) {
  return { ...request, headers: { ...request.headers, authorization: `Bearer ${key}` } };
}

async function fetched(path, request) {
  try {
    // No `cache: "no-store"`: the browser would send `Cache-Control: no-cache`, which asks for a new fit.
    return await fetch(path, { ...request, credentials: "omit" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ status: 0, title: "No answer", detail: "The service does not answer.", code: "no_answer" });
  }
}

async function problemOf(answer) {
  if ((answer.headers.get("content-type") ?? "").includes("json")) return new Problem(await answer.json());
  const detail = `The service answered ${answer.status}.`;
  return new Problem({ status: answer.status, title: answer.statusText, detail, code: "unknown" });
}
