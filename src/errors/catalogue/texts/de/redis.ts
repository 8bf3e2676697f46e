import type { TranslatedTexts } from '../user-text';

/** 1007: Redis. */
export const REDIS: TranslatedTexts = {
  REDIS_UNAVAILABLE: {
    message: 'Manches dauert gerade länger',
    user_friendly_message: 'Ein Teil des Dienstes, der ihn schnell macht, ist nicht erreichbar. Verloren geht nichts.',
    action_required: 'Kurz warten; es geht von selbst weiter',
  },
  REDIS_TIMEOUT: {
    message: 'Manches dauert gerade länger',
    user_friendly_message: 'Ein Teil des Dienstes, der ihn schnell macht, ist selbst langsam. Verloren geht nichts.',
    action_required: 'Kurz warten; es geht von selbst weiter',
  },
  REDIS_CREDENTIALS: {
    message: 'Manches dauert gerade länger',
    user_friendly_message: 'Unser eigener Zugang zu einem Teil des Dienstes wurde abgelehnt. Verloren geht nichts.',
    action_required: 'In ein paar Minuten noch einmal versuchen',
  },
  REDIS_READ_ONLY: {
    message: 'Manches dauert gerade länger',
    user_friendly_message: 'Ein Teil des Dienstes nimmt im Moment nichts Neues an. Verloren geht nichts.',
    action_required: 'Kurz warten; es geht von selbst weiter',
  },
  REDIS_CAPACITY: {
    message: 'Gerade ist sehr viel los',
    user_friendly_message: 'Ein Teil des Dienstes ist an seiner Grenze. Verloren geht nichts.',
    action_required: 'Kurz warten; es geht von selbst weiter',
  },
  REDIS_IS_CLUSTER: {
    message: 'Manches dauert gerade länger',
    user_friendly_message: 'Ein Teil des Dienstes ist falsch eingerichtet. Verloren geht nichts.',
    action_required: 'In einigen Minuten erneut versuchen',
  },
  REDIS_COMMAND_FAILED: {
    message: 'Bei uns ist etwas schiefgegangen',
    user_friendly_message: 'Ein Teil des Dienstes hat eine Anfrage von uns abgelehnt. Der Fehler liegt bei uns.',
    action_required: 'Dem Support den Code unten nennen',
  },
};
