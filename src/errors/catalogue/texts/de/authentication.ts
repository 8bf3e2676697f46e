import type { TranslatedTexts } from '../user-text';

/** 1002: signing in. */
export const AUTHENTICATION: TranslatedTexts = {
  AUTH_TOKEN_MISSING: {
    message: 'Nicht angemeldet',
    user_friendly_message: 'Die App hat nicht mitgeteilt, wer sie benutzt, deshalb gab es keinen Zugang.',
    action_required: 'Anmelden und noch einmal versuchen',
  },
  AUTH_TOKEN_MALFORMED: {
    message: 'Die Anmeldung war nicht lesbar',
    user_friendly_message: 'Die App hat eine Anmeldung geschickt, die wir nicht lesen können.',
    action_required: 'Neu anmelden',
  },
  AUTH_TOKEN_SIGNATURE: {
    message: 'Die Anmeldung ließ sich nicht prüfen',
    user_friendly_message: 'Ob die Anmeldung echt ist, ließ sich nicht bestätigen.',
    action_required: 'Neu anmelden',
  },
  AUTH_TOKEN_EXPIRED: {
    message: 'Die Anmeldung ist abgelaufen',
    user_friendly_message: 'Die Anmeldung gilt nur eine bestimmte Zeit, und die ist vorbei.',
    action_required: 'Neu anmelden, dann geht es weiter',
  },
  AUTH_TOKEN_NOT_YET_VALID: {
    message: 'Die Anmeldung gilt noch nicht',
    user_friendly_message: 'Die Anmeldung beginnt erst später; vielleicht geht eine Uhr falsch.',
    action_required: 'Die Uhr des Geräts prüfen und neu anmelden',
  },
  AUTH_TOKEN_AUDIENCE: {
    message: 'Die Anmeldung gilt für einen anderen Dienst',
    user_friendly_message: 'Angemeldet wurde bei einem anderen Dienst als diesem.',
    action_required: 'Bei diesem Dienst anmelden',
  },
  AUTH_TOKEN_ISSUER: {
    message: 'Die Anmeldung kommt von anderswo',
    user_friendly_message: 'Die Anmeldung stammt von einer Stelle, der dieser Dienst nicht vertraut.',
    action_required: 'Über diesen Dienst anmelden',
  },
  AUTH_TOKEN_SUBJECT: {
    message: 'Die Anmeldung nennt niemanden',
    user_friendly_message: 'Aus der Anmeldung geht nicht klar hervor, für wen sie gilt.',
    action_required: 'Neu anmelden; wenn es dabei bleibt, den Support fragen',
  },
  AUTH_TOKEN_IN_URL: {
    message: 'Die App meldet sich unsicher an',
    user_friendly_message:
      'Die App hat die Anmeldung in eine Webadresse geschrieben, wo andere sie sehen könnten. Das lehnen wir ab.',
    action_required: 'Die App aktualisieren und neu anmelden, damit die alte Anmeldung endet',
  },
  AUTH_ALGORITHM_NOT_ALLOWED: {
    message: 'Die Anmeldung ist nicht gesichert, wie sie sein sollte',
    user_friendly_message: 'Die Anmeldung ist auf eine Art geschützt, die dieser Dienst nicht annimmt.',
    action_required: 'Neu anmelden; wenn es dabei bleibt, den Support fragen',
  },
  AUTH_SCOPE_MISSING: {
    message: 'Das ist nicht erlaubt',
    user_friendly_message: 'Dem Konto fehlt die Berechtigung, die dafür nötig ist.',
    action_required: 'Bei der Verwaltung um Zugang bitten',
  },
  AUTH_TOKEN_REVOKED: {
    message: 'Die Anmeldung wurde beendet',
    user_friendly_message: 'Die Anmeldung wurde vorzeitig zurückgenommen, selbst oder von der Verwaltung.',
    action_required: 'Neu anmelden',
  },
  AUTH_TOKEN_INACTIVE: {
    message: 'Die Anmeldung gilt nicht mehr',
    user_friendly_message: 'Der Dienst, der Anmeldungen bestätigt, nimmt diese nicht an; vielleicht ist sie beendet.',
    action_required: 'Neu anmelden',
  },
  AUTH_USER_MISMATCH: {
    message: 'Hier ist jemand anderes angemeldet',
    user_friendly_message: 'Die App wollte diesen Chat mit der Anmeldung einer anderen Person fortsetzen.',
    action_required: 'Die Seite neu laden',
  },
  AUTH_WEBHOOK_SIGNATURE: {
    message: 'Die Mitteilung ließ sich nicht prüfen',
    user_friendly_message: 'Eine Mitteilung über Anmeldungen trug nicht die vereinbarte Signatur.',
    action_required: 'Das Geheimnis auf beiden Seiten vergleichen',
  },
  USER_ERASED: {
    message: 'Die Daten wurden gelöscht',
    user_friendly_message: 'Die Verwaltung hat hier alle Unterhaltungen dieses Kontos gelöscht.',
    action_required: 'Für einen neuen Anfang neu anmelden',
  },
  AUTH_SERVICE_UNAVAILABLE: {
    message: 'Anmeldungen lassen sich gerade nicht prüfen',
    user_friendly_message:
      'Der Dienst, der Anmeldungen bestätigt, funktioniert nicht. Mit der Anmeldung selbst ist vielleicht alles in Ordnung.',
    action_required: 'Kurz warten; die App versucht es noch einmal',
  },
  AUTH_SERVICE_TIMEOUT: {
    message: 'Die Anmeldung zu prüfen dauert zu lange',
    user_friendly_message: 'Der Dienst, der Anmeldungen bestätigt, ist gerade zu langsam.',
    action_required: 'Kurz warten; die App versucht es noch einmal',
  },
  AUTH_SERVICE_INVALID_ANSWER: {
    message: 'Anmeldungen lassen sich gerade nicht prüfen',
    user_friendly_message: 'Der Dienst, der Anmeldungen bestätigt, hat unverständlich geantwortet.',
    action_required: 'Kurz warten; die App versucht es noch einmal. Wenn es dabei bleibt, den Support fragen',
  },
  AUTH_CIRCUIT_OPEN: {
    message: 'Anmeldungen lassen sich gerade nicht prüfen',
    user_friendly_message:
      'Der Dienst, der Anmeldungen bestätigt, ist mehrmals ausgefallen und bekommt eine kurze Pause.',
    action_required: 'Kurz warten; die App versucht es noch einmal',
  },
  AUTH_CREDENTIALS_REFUSED: {
    message: 'Anmeldungen lassen sich gerade nicht prüfen',
    user_friendly_message:
      'Unser eigener Zugang zu dem Dienst, der Anmeldungen bestätigt, wurde abgelehnt. Das liegt an uns.',
    action_required: 'Nichts zu tun; die Verwaltung weiß Bescheid',
  },
  AUTH_SERVICE_DISABLED: {
    message: 'Zurzeit kann sich niemand anmelden',
    user_friendly_message: 'Das Anmelden ist vorübergehend abgeschaltet.',
    action_required: 'Später noch einmal versuchen',
  },
  DEV_TOKEN_REFUSED: {
    message: 'Keine Testanmeldung für diese Anfrage',
    user_friendly_message: 'Testanmeldungen gibt es nur auf dem Rechner, auf dem der Dienst läuft.',
    action_required: 'Auf diesem Rechner selbst danach fragen',
  },
};
