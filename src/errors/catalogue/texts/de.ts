import { AGENTS } from './de/agents';
import { AUTHENTICATION } from './de/authentication';
import { CLIENTS } from './de/clients';
import { INTEGRATION } from './de/integration';
import { PROVIDERS } from './de/providers';
import { REDIS } from './de/redis';
import { SERVICE } from './de/service';
import type { TranslatedTexts } from './user-text';

/** The user's texts in German. */
export const DE: TranslatedTexts = {
  ...AGENTS,
  ...AUTHENTICATION,
  ...CLIENTS,
  ...INTEGRATION,
  ...PROVIDERS,
  ...REDIS,
  ...SERVICE,
};
