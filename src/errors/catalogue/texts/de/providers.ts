import type { TranslatedTexts } from '../user-text';

/** Model providers and tools. */
export const PROVIDERS: TranslatedTexts = {
  PROVIDER_CREDENTIALS: {
    message: 'Der Assistent ist nicht richtig eingerichtet',
    user_friendly_message: 'Der Dienst, mit dem der Assistent denkt, lässt uns nicht hinein. Das liegt an uns.',
    action_required: 'Dem Support den Code unten nennen; ein neuer Versuch hilft nicht',
  },
  PROVIDER_QUOTA_EXHAUSTED: {
    message: 'Das Guthaben des Assistenten ist verbraucht',
    user_friendly_message: 'Der Dienst, mit dem der Assistent denkt, gibt uns vorerst nichts mehr. Das liegt an uns.',
    action_required: 'Dem Support den Code unten nennen; ein neuer Versuch hilft nicht',
  },
  PROVIDER_RATE_LIMITED: {
    message: 'Der Assistent ist sehr beschäftigt',
    user_friendly_message: 'Der Dienst, mit dem der Assistent denkt, wird gerade zu oft gefragt.',
    action_required: 'Ein paar Sekunden warten, dann noch einmal versuchen',
  },
  PROVIDER_MODEL_UNKNOWN: {
    message: 'Der Assistent ist nicht richtig eingerichtet',
    user_friendly_message: 'Das Modell, das der Assistent benutzen soll, gibt es nicht. Das liegt an uns.',
    action_required: 'Dem Support den Code unten nennen; ein neuer Versuch hilft nicht',
  },
  PROVIDER_CONTEXT_TOO_LONG: {
    message: 'Das ist zu viel Text für den Assistenten',
    user_friendly_message: 'Die Nachricht samt der Unterhaltung davor ist länger, als der Assistent lesen kann.',
    action_required: 'Eine kürzere Nachricht schicken oder eine neue Unterhaltung beginnen',
  },
  PROVIDER_CONTENT_FILTERED: {
    message: 'Der Assistent darf das nicht beantworten',
    user_friendly_message: 'Ein Sicherheitsfilter hat die Antwort angehalten.',
    action_required: 'Anders fragen',
  },
  PROVIDER_TIMEOUT: {
    message: 'Der Assistent ist verstummt',
    user_friendly_message: 'Der Dienst, mit dem der Assistent denkt, hat zu lange nichts geschickt.',
    action_required: 'Noch einmal versuchen',
  },
  PROVIDER_RESPONSE_INVALID: {
    message: 'Der Assistent war nicht zu verstehen',
    user_friendly_message: 'Der Dienst, mit dem der Assistent denkt, hat etwas Unbrauchbares geantwortet.',
    action_required: 'Gleich noch einmal versuchen',
  },
  PROVIDER_STREAM_BROKEN: {
    message: 'Die Antwort ist abgebrochen',
    user_friendly_message: 'Mitten in der Antwort ging die Verbindung zu dem Dienst verloren, der sie schreibt.',
    action_required: 'Noch einmal versuchen',
  },
  PROVIDER_ANSWER_EMPTY: {
    message: 'Der Assistent hatte keine Antwort',
    user_friendly_message: 'Der Dienst, mit dem der Assistent denkt, war fertig, ohne etwas zu schreiben.',
    action_required: 'Noch einmal versuchen oder anders fragen',
  },
  PROVIDER_ANSWER_TRUNCATED: {
    message: 'Die Antwort ist abgeschnitten',
    user_friendly_message: 'Die Antwort hat ihre größte Länge erreicht, deshalb fehlt das Ende.',
    action_required: 'Mit „weiter“ nach dem Rest fragen',
  },
  MCP_SERVER_UNAVAILABLE: {
    message: 'Ein Werkzeug des Assistenten ist nicht da',
    user_friendly_message: 'Der Assistent kann eines seiner Werkzeuge gerade nicht benutzen.',
    action_required: 'Gleich noch einmal versuchen',
  },
};
