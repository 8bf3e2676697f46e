import type { TranslatedTexts } from '../user-text';

/** 1003 and 1004: connecting, asking. */
export const CLIENTS: TranslatedTexts = {
  ORIGIN_NOT_ALLOWED: {
    message: 'Diese Seite darf sich nicht verbinden',
    user_friendly_message: 'Die geöffnete Webseite darf diesen Dienst nicht benutzen.',
    action_required: 'Den Dienst unter seiner eigenen Adresse öffnen',
  },
  HANDSHAKE_INVALID: {
    message: 'Die App konnte sich nicht verbinden',
    user_friendly_message: 'Die App hat sich auf eine Art vorgestellt, die wir nicht verstehen.',
    action_required: 'Die Seite neu laden oder die App aktualisieren',
  },
  NOT_A_GATEWAY: {
    message: 'Das war der falsche Server',
    user_friendly_message: 'Dieser Teil des Dienstes spricht nicht mit Apps. Ein anderer tut es.',
    action_required: 'Kurz warten; die App versucht es noch einmal',
  },
  PROTOCOL_VERSION_UNSUPPORTED: {
    message: 'Die App passt nicht zu diesem Dienst',
    user_friendly_message: 'Die App spricht eine Version, die dieser Dienst nicht kennt.',
    action_required: 'Die Seite neu laden oder die App aktualisieren',
  },
  CURSOR_INVALID: {
    message: 'Die Leseposition war nicht lesbar',
    user_friendly_message: 'Die App hat sich die Stelle auf eine Art gemerkt, die wir nicht lesen können.',
    action_required: 'Die Seite neu laden',
  },
  CONNECTION_LIMIT: {
    message: 'Zu viele offene Verbindungen',
    user_friendly_message: 'Der Chat ist an so vielen Stellen offen, wie gleichzeitig erlaubt sind.',
    action_required: 'Ihn in einem anderen Tab oder auf einem anderen Gerät schließen',
  },
  SERVER_DRAINING: {
    message: 'Der Dienst startet neu',
    user_friendly_message: 'Dieser Server wird gleich durch einen frischen ersetzt. Verloren geht nichts.',
    action_required: 'Nichts zu tun; die App verbindet sich von selbst neu',
  },
  SESSION_SETUP_FAILED: {
    message: 'Der Chat ließ sich nicht öffnen',
    user_friendly_message: 'Bei der Vorbereitung des Chats ist bei uns etwas schiefgegangen.',
    action_required: 'Kurz warten; die App versucht es noch einmal',
  },
  HANDSHAKE_TIMEOUT: {
    message: 'Das Verbinden hat zu lange gedauert',
    user_friendly_message: 'Die Verbindung war nicht rechtzeitig bereit.',
    action_required: 'Das Netz prüfen; die App versucht es noch einmal',
  },
  EVENT_UNKNOWN: {
    message: 'Die App wollte etwas Unbekanntes',
    user_friendly_message: 'Die App hat um etwas gebeten, das dieser Dienst nicht anbietet.',
    action_required: 'Die Seite neu laden oder die App aktualisieren',
  },
  PAYLOAD_INVALID: {
    message: 'Die App hat etwas Unlesbares geschickt',
    user_friendly_message: 'Ein Teil der Anfrage fehlt oder hat die falsche Form, deshalb ist nichts geschehen.',
    action_required: 'Die Seite neu laden oder die App aktualisieren, dann noch einmal versuchen',
  },
  CONTENT_TOO_LARGE: {
    message: 'Die Nachricht ist zu lang',
    user_friendly_message: 'Die Nachricht ist länger, als wir annehmen können, und wurde nicht gesendet.',
    action_required: 'Kürzen oder in Teilen senden',
  },
  CONTENT_EMPTY: {
    message: 'Die Nachricht ist leer',
    user_friendly_message: 'Die Nachricht enthält keinen Text und wurde nicht gesendet.',
    action_required: 'Etwas schreiben, dann senden',
  },
  TEXT_INVALID: {
    message: 'Die Nachricht enthält kaputte Zeichen',
    user_friendly_message: 'Einige Zeichen der Nachricht sind beschädigt, deshalb wurde sie nicht gesendet.',
    action_required: 'Ungewöhnliche Zeichen entfernen und noch einmal senden',
  },
  PAYLOAD_TOO_DEEP: {
    message: 'Die App hat etwas zu Verschachteltes geschickt',
    user_friendly_message: 'Die Anfrage hat mehr Ebenen, als wir annehmen, deshalb ist nichts geschehen.',
    action_required: 'Die Seite neu laden oder die App aktualisieren',
  },
  PAYLOAD_KEY_FORBIDDEN: {
    message: 'Die App hat etwas Unsicheres geschickt',
    user_friendly_message: 'Die Anfrage enthält einen Teil, den wir nie annehmen, deshalb ist nichts geschehen.',
    action_required: 'Die Seite neu laden oder die App aktualisieren',
  },
  BINARY_NOT_SUPPORTED: {
    message: 'Dateien lassen sich hier nicht senden',
    user_friendly_message: 'Die App hat eine Datei oder andere Binärdaten geschickt, die dieser Dienst nicht annimmt.',
    action_required: 'Als Text senden',
  },
  PACKET_INVALID: {
    message: 'Eine Nachricht kam beschädigt an',
    user_friendly_message: 'Etwas, das die App geschickt hat, war überhaupt nicht lesbar.',
    action_required: 'Die Seite neu laden und noch einmal versuchen',
  },
  RATE_LIMITED: {
    message: 'Das geht zu schnell',
    user_friendly_message: 'Es kamen mehr Anfragen, als wir in so kurzer Zeit annehmen.',
    action_required: 'Kurz warten, dann noch einmal versuchen',
  },
  MESSAGE_ID_REUSED: {
    message: 'Zwei Nachrichten tragen dieselbe Nummer',
    user_friendly_message: 'Die App gab dieser Nachricht die Nummer einer früheren, deshalb wurde sie nicht gesendet.',
    action_required: 'Die Nachricht noch einmal senden; wenn es dabei bleibt, die Seite neu laden',
  },
  THREAD_NOT_FOUND: {
    message: 'Diese Unterhaltung gibt es nicht',
    user_friendly_message: 'Die Unterhaltung wurde gelöscht oder gehört zu einem anderen Konto.',
    action_required: 'Eine andere Unterhaltung wählen oder eine neue beginnen',
  },
  RUN_NOT_FOUND: {
    message: 'Diese Antwort gibt es nicht',
    user_friendly_message: 'Die Antwort wurde gelöscht oder gehört zu einem anderen Konto.',
    action_required: 'Die Unterhaltung neu laden',
  },
  RUN_CONFLICT: {
    message: 'Eine Antwort wird noch geschrieben',
    user_friendly_message:
      'In dieser Unterhaltung ist schon eine Antwort unterwegs; die Nachricht wurde nicht gesendet.',
    action_required: 'Auf die Antwort warten oder sie abbrechen, dann noch einmal senden',
  },
  INPUT_NOT_FOUND: {
    message: 'Diese Rückfrage gibt es nicht',
    user_friendly_message: 'Die Rückfrage, auf die Sie geantwortet haben, gibt es nicht, oder sie ist nicht Ihre.',
    action_required: 'Die Unterhaltung neu laden',
  },
  INPUT_CLOSED: {
    message: 'Diese Rückfrage ist abgeschlossen',
    user_friendly_message:
      'Die Rückfrage wurde anderswo beantwortet, ihre Zeit war abgelaufen, oder die Antwort wurde abgebrochen.',
    action_required: 'Nachsehen, wie die Unterhaltung weiterging',
  },
  INPUT_INVALID: {
    message: 'Danach wurde nicht gefragt',
    user_friendly_message:
      'Ihre Antwort hat nicht die Form, um die der Assistent gebeten hat. Die Rückfrage ist noch offen.',
    action_required: 'Die Antwort berichtigen und noch einmal senden',
  },
  RUN_NOT_RETRYABLE: {
    message: 'Diese Antwort lässt sich nicht wiederholen',
    user_friendly_message:
      'Nur eine Antwort, die gescheitert ist oder abgebrochen wurde, lässt sich noch einmal anfordern.',
    action_required: 'Stattdessen eine neue Nachricht senden',
  },
  AGENT_UNKNOWN: {
    message: 'Diesen Assistenten gibt es nicht',
    user_friendly_message: 'Der gewählte Assistent wird hier nicht angeboten.',
    action_required: 'Einen anderen Assistenten wählen',
  },
  QUEUED_RUNS_LIMIT: {
    message: 'Zu viele Nachrichten warten',
    user_friendly_message: 'In dieser Unterhaltung warten so viele Nachrichten auf Antwort, wie erlaubt sind.',
    action_required: 'Auf eine Antwort warten, dann noch einmal senden',
  },
  ACK_TIMEOUT: {
    message: 'Ob es geklappt hat, ist noch unklar',
    user_friendly_message: 'Die Anfrage hat länger gedauert als üblich. Vielleicht ist sie trotzdem erledigt.',
    action_required: 'Noch einmal versuchen; nichts geschieht zweimal',
  },
  CLIENT_ERROR_EVENT: {
    message: 'Die App hat etwas Unlesbares gemeldet',
    user_friendly_message:
      'Die App hat einen Fehler in einer Form geschickt, die nur für unsere Antworten gedacht ist.',
    action_required: 'Die Seite neu laden oder die App aktualisieren',
  },
  HTTP_NOT_FOUND: {
    message: 'Hier ist nichts',
    user_friendly_message: 'Die geöffnete Adresse gibt es nicht.',
    action_required: 'Die Adresse prüfen',
  },
  HTTP_REQUEST_INVALID: {
    message: 'Die Anfrage lässt sich nicht bearbeiten',
    user_friendly_message: 'Die Anfrage hat eine Form, die wir nicht verstehen.',
    action_required: 'Die Eingaben prüfen und noch einmal versuchen',
  },
  SUPPORT_CODE_NOT_FOUND: {
    message: 'Diesen Supportcode kennen wir nicht',
    user_friendly_message: 'Zu diesem Supportcode gibt es keinen Eintrag; vielleicht ist er vertippt oder zu alt.',
    action_required: 'Den Code Zeichen für Zeichen prüfen',
  },
};
