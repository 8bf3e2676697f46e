import { lastingInGerman as lasting } from '../lasting';
import type { TranslatedTexts } from '../user-text';

/** 1006 and 1008: agents, and the providers that they ask. */
export const AGENTS: TranslatedTexts = {
  AGENT_FAILED: {
    message: 'Der Assistent hatte ein Problem',
    user_friendly_message: 'Beim Schreiben der Antwort ist etwas schiefgegangen.',
    action_required: 'Noch einmal um die Antwort bitten',
  },
  AGENT_TIMEOUT: {
    message: 'Der Assistent hat zu lange gebraucht',
    user_friendly_message: ({ timeout_ms }) =>
      `Die Antwort war nach ${lasting(timeout_ms) ?? 'der erlaubten Zeit'} nicht fertig und wurde abgebrochen.`,
    action_required: 'Noch einmal fragen oder um etwas Kleineres bitten',
  },
  AGENT_FIRST_OUTPUT_TIMEOUT: {
    message: 'Der Assistent fängt nicht an',
    user_friendly_message: ({ timeout_ms }) =>
      `Nach ${lasting(timeout_ms) ?? 'einiger Zeit'} hatte die Antwort noch nicht begonnen.`,
    action_required: 'Noch einmal um die Antwort bitten',
  },
  AGENT_STALLED: {
    message: 'Der Assistent ist verstummt',
    user_friendly_message: ({ timeout_ms }) =>
      `Die Antwort blieb mittendrin stehen und ging auch nach ${lasting(timeout_ms) ?? 'einiger Zeit'} nicht weiter.`,
    action_required: 'Noch einmal um die Antwort bitten',
  },
  TOOL_TIMEOUT: {
    message: 'Ein Werkzeug des Assistenten hat zu lange gebraucht',
    user_friendly_message: ({ timeout_ms }) =>
      `Ein Werkzeug hat dem Assistenten auch nach ${lasting(timeout_ms) ?? 'einiger Zeit'} nicht geantwortet.`,
    action_required: 'Noch einmal um die Antwort bitten',
  },
  INPUT_EXPIRED: {
    message: 'Eine Rückfrage wurde nicht rechtzeitig beantwortet',
    user_friendly_message: ({ timeout_ms }) =>
      `Der Assistent brauchte eine Antwort von Ihnen, um fortzufahren. Er hat ${lasting(timeout_ms) ?? 'einige Zeit'} darauf gewartet.`,
    action_required: 'Noch einmal fragen, wenn Sie antworten können',
  },
  AGENT_TOOL_FAILED: {
    message: 'Ein Werkzeug des Assistenten hat versagt',
    user_friendly_message: 'Der Assistent brauchte für die Antwort ein Werkzeug, und es hat nicht funktioniert.',
    action_required: 'Noch einmal um die Antwort bitten',
  },
  AGENT_PROVIDER_FAILED: {
    message: 'Der Assistent ist nicht erreichbar',
    user_friendly_message: 'Der Dienst, der die Antworten schreibt, hat einen Fehler gemeldet.',
    action_required: 'Kurz warten, dann noch einmal um die Antwort bitten',
  },
  WORKER_LOST: {
    message: 'Die Antwort beginnt von vorn',
    user_friendly_message: 'Der Prozess, der die Antwort schrieb, ist ausgefallen; ein anderer hat übernommen.',
    action_required: 'Nichts zu tun; die Antwort geht weiter',
  },
  RUN_ATTEMPTS_EXHAUSTED: {
    message: 'Die Antwort konnte nicht fertig werden',
    user_friendly_message: 'Wir haben mehrmals versucht, die Antwort zu schreiben, und jedes Mal brach sie ab.',
    action_required: 'Anders fragen; wenn es dabei bleibt, dem Support den Code unten nennen',
  },
  NO_WORKER_AVAILABLE: {
    message: 'Die Antwort hat noch nicht begonnen',
    user_friendly_message: ({ waited_ms, position }) =>
      `Die Nachricht ist gespeichert und wartet, bis sie an der Reihe ist${placeOf(position)}. Seit ${lasting(waited_ms) ?? 'einiger Zeit'} war niemand frei.`,
    action_required: 'Nichts zu tun; die Antwort beginnt von selbst',
  },
  RUN_QUEUE_TIMEOUT: {
    message: 'Die Nachricht kam nicht an die Reihe',
    user_friendly_message: ({ timeout_ms }) =>
      `Die Nachricht hat ${lasting(timeout_ms) ?? 'zu lange'} gewartet. Sie ist gespeichert, bleibt aber ohne Antwort.`,
    action_required: 'In ein paar Minuten noch einmal versuchen',
  },
  STEP_OUTCOME_UNKNOWN: {
    message: 'Die Antwort hielt an einem Schritt, der nicht zweimal geschehen darf',
    user_friendly_message:
      'Ein Schritt wurde unterbrochen, und es ist nicht zu erkennen, ob er getan war. Damit er nicht zweimal geschieht, haben wir angehalten.',
    action_required: 'Nachsehen, ob es getan ist, und sonst noch einmal fragen',
  },
  AGENT_REPLAY_DIVERGED: {
    message: 'Die Antwort ließ sich nicht fortsetzen',
    user_friendly_message: 'Die Antwort wurde unterbrochen, und der Assistent fand nicht an dieselbe Stelle zurück.',
    action_required: 'Noch einmal um die Antwort bitten',
  },
  SUB_AGENT_UNKNOWN: {
    message: 'Der Assistent ist nicht richtig eingerichtet',
    user_friendly_message: 'Der Assistent wollte einen anderen Assistenten fragen, den es nicht gibt.',
    action_required: 'Einen anderen Assistenten wählen und dem Support den Code unten nennen',
  },
  SUB_AGENTS_TOO_DEEP: {
    message: 'Der Assistent hat sich in der Aufgabe verlaufen',
    user_friendly_message: 'Assistenten haben die Frage zu oft aneinander weitergegeben, deshalb haben wir angehalten.',
    action_required: 'Um etwas Kleineres bitten oder anders fragen',
  },
  SUB_AGENTS_TOO_MANY: {
    message: 'Die Aufgabe wurde in zu viele Teile geteilt',
    user_friendly_message: 'Der Assistent hat die Aufgabe in mehr Teile geteilt, als eine Antwort haben darf.',
    action_required: 'Um etwas Kleineres bitten',
  },
  SUB_AGENT_FAILED: {
    message: 'Ein Teil der Antwort ist gescheitert',
    user_friendly_message:
      'Einer der Assistenten, die an der Antwort arbeiten, ist gescheitert. Sie geht ohne ihn weiter.',
    action_required: 'Nichts zu tun; wenn in der Antwort etwas fehlt, noch einmal danach fragen',
  },
  NO_WORKERS: {
    message: 'Antworten verzögern sich',
    user_friendly_message: 'Die Nachrichten sind gespeichert, aber gerade ist niemand da, der sie beantwortet.',
    action_required: 'Nichts zu tun; es geht los, sobald es möglich ist',
  },
  AGENT_OUTPUT_INVALID: {
    message: 'Die Antwort des Assistenten ist unbrauchbar',
    user_friendly_message: 'Was der Assistent geliefert hat, lässt sich nicht anzeigen.',
    action_required: 'Anders fragen',
  },
  DRILL_REQUEST_INVALID: {
    message: 'Der Übungsassistent versteht das nicht',
    user_friendly_message: 'Der Übungsassistent ist für Tests da und versteht nur seine eigenen Befehle.',
    action_required: 'Einen anderen Assistenten wählen oder in seiner Anleitung nachsehen',
  },
  PROVIDER_CIRCUIT_OPEN: {
    message: 'Der Assistent hat Schwierigkeiten',
    user_friendly_message:
      'Der Dienst, der die Antworten schreibt, ist mehrmals ausgefallen und bekommt eine kurze Pause.',
    action_required: 'Kurz warten, dann noch einmal um die Antwort bitten',
  },
};

function placeOf(position: unknown): string {
  if (typeof position !== 'number') return '';
  return position === 0 ? ' (als nächste)' : ` (davor: ${position})`;
}
