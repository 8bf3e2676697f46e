import type { TranslatedTexts } from '../user-text';

/** 1005 to 1011: what fails on our side. */
export const SERVICE: TranslatedTexts = {
  DATABASE_UNAVAILABLE: {
    message: 'Die Nachricht ließ sich nicht speichern',
    user_friendly_message: 'Unser Speicher ist gerade nicht erreichbar. Was vorher bestätigt wurde, ist sicher.',
    action_required: 'Kurz warten; wir versuchen es noch einmal',
  },
  DATABASE_TIMEOUT: {
    message: 'Das Speichern dauert zu lange',
    user_friendly_message: 'Unser Speicher ist gerade langsam, und ob dies gespeichert wurde, ist noch unklar.',
    action_required: 'Kurz warten und noch einmal versuchen; nichts geschieht zweimal',
  },
  DATABASE_CONSTRAINT: {
    message: 'Das ließ sich nicht speichern',
    user_friendly_message:
      'Was gespeichert werden sollte, widerspricht dem, was schon gespeichert ist. Der Fehler liegt bei uns.',
    action_required: 'Dem Support den Code unten nennen',
  },
  DATABASE_CAPACITY: {
    message: 'Gerade ist sehr viel los',
    user_friendly_message: 'Unser Speicher ist an seiner Grenze, deshalb wurde dies nicht gespeichert.',
    action_required: 'Kurz warten; wir versuchen es noch einmal',
  },
  DATABASE_DISK_FULL: {
    message: 'Wir konnten deine Nachricht nicht speichern',
    user_friendly_message:
      'In unserem Speicher ist kein Platz mehr, deshalb wurde dies nicht gespeichert. Was dir bestätigt wurde, ist sicher.',
    action_required: 'In ein paar Minuten noch einmal versuchen',
  },
  DATABASE_CONFLICT: {
    message: 'Zwei Dinge geschahen zugleich',
    user_friendly_message: 'Dieselben Daten wurden im selben Moment anders geändert; dies wurde nicht gespeichert.',
    action_required: 'Noch einmal versuchen',
  },
  DATABASE_SCHEMA_OUTDATED: {
    message: 'Der Dienst wird gerade aktualisiert',
    user_friendly_message: 'Unser Speicher und unsere Software passen im Moment nicht zusammen.',
    action_required: 'In ein paar Minuten noch einmal versuchen',
  },
  DATABASE_QUERY_FAILED: {
    message: 'Das ließ sich nicht speichern oder laden',
    user_friendly_message: 'Unser Speicher hat eine Anfrage von uns abgelehnt. Der Fehler liegt bei uns.',
    action_required: 'Dem Support den Code unten nennen',
  },
  DATABASE_READ_ONLY: {
    message: 'Gerade lässt sich nichts speichern',
    user_friendly_message: 'Unser Speicher lässt sich im Moment nur lesen, nicht ändern.',
    action_required: 'Kurz warten; wir versuchen es noch einmal',
  },
  DATABASE_NOT_DURABLE: {
    message: 'Gerade lässt sich nichts speichern',
    user_friendly_message:
      'Unser Speicher ist so eingestellt, dass er Bestätigtes vergessen könnte. Deshalb benutzen wir ihn nicht.',
    action_required: 'Später noch einmal versuchen; der Betrieb muss eine Einstellung ändern',
  },
  DATABASE_CREDENTIALS: {
    message: 'Unser Speicher ist nicht erreichbar',
    user_friendly_message: 'Unser eigener Zugang zum Speicher wurde abgelehnt. Verloren geht nichts.',
    action_required: 'In ein paar Minuten noch einmal versuchen',
  },
  EMBEDDED_POSTGRES_FAILED: {
    message: 'Unser Speicher läuft nicht',
    user_friendly_message: 'Der eingebaute Speicher hat angehalten oder ist nicht gestartet. Er wird neu gestartet.',
    action_required: 'Kurz warten; wir versuchen es noch einmal',
  },
  CONFIGURATION_INVALID: {
    message: 'Der Dienst ist nicht richtig eingerichtet',
    user_friendly_message: 'Eine Einstellung des Dienstes ist falsch, deshalb kann er nicht starten.',
    action_required: 'Dem Betrieb dieses Dienstes Bescheid geben',
  },
  DATA_DIR_IN_USE: {
    message: 'Der Dienst läuft schon',
    user_friendly_message: 'Der Dienst wurde zweimal mit denselben Daten gestartet.',
    action_required: 'Den benutzen, der schon läuft',
  },
  DATA_DIR_UNUSABLE: {
    message: 'Der Dienst kann seine Daten nicht aufbewahren',
    user_friendly_message: 'Der Ordner für die Daten des Dienstes lässt sich nicht benutzen.',
    action_required: 'Dem Betrieb dieses Dienstes Bescheid geben',
  },
  EMBEDDED_POSTGRES_MISSING: {
    message: 'Ein Teil des Dienstes ist nicht installiert',
    user_friendly_message: 'Der eingebaute Speicher ist auf diesem Rechner nicht vorhanden.',
    action_required: 'Dem Betrieb dieses Dienstes Bescheid geben',
  },
  PORT_IN_USE: {
    message: 'Der Dienst konnte seine Tür nicht öffnen',
    user_friendly_message: 'Ein anderes Programm benutzt den Netzwerkanschluss des Dienstes.',
    action_required: 'Dem Betrieb dieses Dienstes Bescheid geben',
  },
  ANOTHER_PROCESS_RUNNING: {
    message: 'Der Dienst läuft schon',
    user_friendly_message: 'Mit diesen Daten arbeitet schon ein anderer Prozess, und so eingestellt darf es nur einer.',
    action_required: 'Den benutzen, der schon läuft',
  },
  PROVIDER_UNAVAILABLE: {
    message: 'Ein Dienst, den wir brauchen, antwortet nicht',
    user_friendly_message: 'Ein fremder Dienst, der hierfür nötig ist, ist gerade nicht erreichbar.',
    action_required: 'Gleich noch einmal versuchen',
  },
  PROVIDER_REJECTED: {
    message: 'Ein Dienst, den wir brauchen, hat abgelehnt',
    user_friendly_message: 'Ein fremder Dienst, der hierfür nötig ist, hat unsere Anfrage nicht angenommen.',
    action_required: 'Dem Support den Code unten nennen',
  },
  QUEUE_UNAVAILABLE: {
    message: 'Arbeit lässt sich gerade nicht verteilen',
    user_friendly_message: 'Was wir angenommen haben, lässt sich im Moment nicht weitergeben. Es wird später erledigt.',
    action_required: 'Kurz warten; verloren geht nichts',
  },
  RUN_STALLED: {
    message: 'Die Antwort ist unterbrochen',
    user_friendly_message:
      'Wir können im Moment nichts speichern, darum geht die Antwort nicht weiter. Was geschrieben war, bleibt erhalten.',
    action_required: 'Nichts zu tun; die Antwort geht von selbst weiter',
  },
  RUN_DELAYED: {
    message: 'Die Antwort verzögert sich',
    user_friendly_message: 'Die Nachricht ist gespeichert. Die Antwort beginnt später als sonst.',
    action_required: 'Nichts zu tun; es geht los, sobald es möglich ist',
  },
  QUEUE_JOB_FAILED: {
    message: 'Eine Arbeit ist gescheitert',
    user_friendly_message: 'Etwas, das im Hintergrund geschehen sollte, ist nicht gelungen.',
    action_required: 'Kurz warten; wenn nichts geschieht, dem Support den Code unten nennen',
  },
  EVENT_DELIVERY_FAILED: {
    message: 'Neuigkeiten kamen nicht an',
    user_friendly_message: 'Unterwegs ist etwas schiefgegangen. Verloren geht nichts; nach dem Verbinden kommt alles.',
    action_required: 'Nichts zu tun; die App verbindet sich von selbst neu',
  },
  HISTORY_TRUNCATED: {
    message: 'Einige ältere Neuigkeiten sind nicht mehr da',
    user_friendly_message:
      'Seit dem letzten Besuch ist mehr Zeit vergangen, als wir einzelne Neuigkeiten aufheben. Die Unterhaltungen sind noch da.',
    action_required: 'Die Unterhaltung neu laden, um alles zu sehen',
  },
  MAILBOX_UNAVAILABLE: {
    message: 'Neuigkeiten lassen sich gerade nicht laden',
    user_friendly_message: 'Was inzwischen geschah, lässt sich im Moment nicht lesen. Verloren geht nichts.',
    action_required: 'Kurz warten; die App versucht es noch einmal',
  },
  BACKPRESSURE: {
    message: 'Die Verbindung ist zu langsam',
    user_friendly_message: 'Neuigkeiten kommen schneller, als die Verbindung sie aufnimmt. Verloren geht nichts.',
    action_required: 'Nichts zu tun; die App verbindet sich von selbst neu',
  },
  DELIVERY_UNCONFIRMED: {
    message: 'Die App hat eine Neuigkeit nicht bestätigt',
    user_friendly_message:
      'Ob eine wichtige Neuigkeit ankam, hat die App nicht gemeldet; sie wird noch einmal geschickt.',
    action_required: 'Nichts zu tun; die App verbindet sich von selbst neu',
  },
  BACKGROUND_TASK_FAILED: {
    message: 'Eine Aufgabe im Hintergrund ist gescheitert',
    user_friendly_message: 'Etwas im Hintergrund ist nicht gelungen und wird wiederholt.',
    action_required: 'Nichts zu tun',
  },
  SPOOL_WRITE_FAILED: {
    message: 'Ein Problem ließ sich nicht festhalten',
    user_friendly_message:
      'Die Einzelheiten eines Problems wurden nicht gespeichert; der Support findet sie vielleicht nicht.',
    action_required: 'Die Uhrzeit notieren und dem Support Bescheid geben',
  },
  SPOOL_OVERFLOW: {
    message: 'Zu viele Probleme auf einmal',
    user_friendly_message: 'Es kamen so viele Probleme zugleich, dass nicht alle festgehalten wurden.',
    action_required: 'Die Uhrzeit notieren und dem Support Bescheid geben',
  },
  HEALTH_CHECK_FAILED: {
    message: 'Einem Teil des Dienstes geht es nicht gut',
    user_friendly_message: 'Ein Teil des Dienstes ist nicht, wie er sein sollte. Noch ist davon nichts zu merken.',
    action_required: 'Nichts zu tun',
  },
  DIGEST_NOT_FOUND: {
    message: 'Diese Zusammenfassung gibt es nicht',
    user_friendly_message: 'Unter dieser Kennung ist keine Zusammenfassung gescheitert.',
    action_required: 'Die Kennung den Zahlen des Benutzers entnehmen',
  },
  FALLBACK_DELIVERY_FAILED: {
    message: 'Unser Hinweis auf Wartendes kam nicht an',
    user_friendly_message: 'Während der Abwesenheit kam unsere Nachricht über das, was wartet, nicht durch.',
    action_required: 'Den Chat öffnen; alles ist da',
  },
  INTERNAL_ERROR: {
    message: 'Etwas ist schiefgegangen',
    user_friendly_message: 'Bei uns ist ein unerwarteter Fehler aufgetreten. Er ist festgehalten.',
    action_required: 'Noch einmal versuchen; wenn es dabei bleibt, dem Support den Code unten nennen',
  },
};
