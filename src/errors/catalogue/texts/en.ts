import { AGENTS } from './en/agents';
import { AUTHENTICATION } from './en/authentication';
import { CLIENTS } from './en/clients';
import { INTEGRATION } from './en/integration';
import { PROVIDERS } from './en/providers';
import { REDIS } from './en/redis';
import { SERVICE } from './en/service';
import type { UserTexts } from './user-text';

/** The user's texts in English, to which every other language falls back. */
export const EN: UserTexts = {
  ...AGENTS,
  ...AUTHENTICATION,
  ...CLIENTS,
  ...INTEGRATION,
  ...PROVIDERS,
  ...REDIS,
  ...SERVICE,
};
