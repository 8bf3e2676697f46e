import type { TranslatedTexts } from '../user-text';

/** 1010: what goes on in the background. */
export const INTEGRATION: TranslatedTexts = {
  BACKGROUND_TASK_RETRYING: {
    message: 'Im Hintergrund verspätet sich etwas',
    user_friendly_message: 'Eine Arbeit im Hintergrund ist nicht auf Anhieb gelungen und wird wiederholt.',
    action_required: 'Nichts zu tun; wir versuchen es noch einmal',
  },
  BACKGROUND_TASK_OVERDUE: {
    message: 'Im Hintergrund verspätet sich etwas',
    user_friendly_message: 'Eine Arbeit im Hintergrund hat nicht rechtzeitig begonnen und wird neu gestartet.',
    action_required: 'Nichts zu tun; der Betrieb weiß Bescheid',
  },
  BACKGROUND_TASK_UNKNOWN: {
    message: 'Diese Aufgabe gibt es nicht',
    user_friendly_message: 'Keine Arbeit im Hintergrund trägt den Namen, nach dem gefragt wurde.',
    action_required: 'Den Namen prüfen und noch einmal versuchen',
  },
  ALERT_DELIVERY_RETRYING: {
    message: 'Der Betrieb wird benachrichtigt',
    user_friendly_message: 'Eine Nachricht an den Betrieb kam nicht sofort an und wird noch einmal geschickt.',
    action_required: 'Nichts zu tun; wir versuchen es noch einmal',
  },
  ALERT_CHANNEL_FAILED: {
    message: 'Der Betrieb wird auf anderem Weg benachrichtigt',
    user_friendly_message: 'Eine Nachricht an den Betrieb kam nicht an und wird auf anderem Weg geschickt.',
    action_required: 'Nichts zu tun; wir versuchen es noch einmal',
  },
  ALERT_UNDELIVERED: {
    message: 'Der Betrieb war nicht zu erreichen',
    user_friendly_message: 'Eine Nachricht an den Betrieb kam auf keinem Weg an.',
    action_required: 'Wenn etwas nicht funktioniert, selbst dem Support Bescheid geben',
  },
  ALERT_NOT_FOUND: {
    message: 'Diesen Alarm gibt es nicht',
    user_friendly_message: 'Der Alarm oder die Stummschaltung, nach der gefragt wurde, fehlt oder ist beendet.',
    action_required: 'Die Liste neu laden und noch einmal wählen',
  },
  TRACES_NOT_ARRIVING: {
    message: 'Eine Messung von uns fehlt',
    user_friendly_message: 'Messungen über die Arbeit unseres Dienstes kommen nicht an. Für Sie hängt nichts davon ab.',
    action_required: 'Nichts; Ihre Unterhaltungen sind nicht betroffen',
  },
};
