import { z } from 'zod';
import { CommandError } from './command-error';
import { unreachable } from './server-url';

const TOKEN_TIMEOUT_MS = 5_000;

const tokenSchema = z.object({ token: z.string() });
const problemSchema = z.object({ user_notification: z.object({ user_friendly_message: z.string() }) });

interface DevelopmentUser {
  readonly user: string;
  readonly admin?: boolean;
}

/** A token of the server's development issuer. @throws CommandError */
export async function developmentToken(url: string, { user, admin }: DevelopmentUser): Promise<string> {
  const response = await answerTo(url, { user, admin });
  const body: unknown = await response.json().catch(() => ({ ok: false }));
  const token = tokenSchema.safeParse(body);
  if (response.ok && token.success) return token.data.token;
  const problem = problemSchema.safeParse(body);
  const why = problem.success ? ` ${problem.data.user_notification.user_friendly_message}` : '';
  throw new CommandError(
    `${url} gave no development token (HTTP ${response.status}).${why}\nPass a token of your issuer by --token.`,
  );
}

async function answerTo(url: string, request: DevelopmentUser): Promise<Response> {
  try {
    return await fetch(new URL('/auth/dev-token', url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request),
      signal: AbortSignal.timeout(TOKEN_TIMEOUT_MS),
    });
  } catch {
    throw unreachable(url);
  }
}
