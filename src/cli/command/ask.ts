import { type ErrorBody } from '@clarion/protocol';
import { errorBodySchema } from '@clarion/protocol/schemas';
import { unreachable } from './server-url';

const TIMEOUT_MS = 15_000;

export type Answered =
  | { readonly ok: true; readonly body: unknown }
  | { readonly ok: false; readonly status: number; readonly error: ErrorBody | null };

/** `GET` with a token, where there is one. @throws CommandError when nothing answers, or what answers is no JSON */
export async function ask(url: string, path: string, token: string | null): Promise<Answered> {
  const { status, ok, body } = await answer(url, path, token);
  if (ok) return { ok, body };
  const problem = errorBodySchema.safeParse(body);
  return { ok: false, status, error: problem.success ? problem.data : null };
}

async function answer(
  url: string,
  path: string,
  token: string | null,
): Promise<{ status: number; ok: boolean; body: unknown }> {
  const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` };
  try {
    const response = await fetch(new URL(path, url), { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
    return { status: response.status, ok: response.ok, body: await response.json() };
  } catch {
    throw unreachable(url);
  }
}
