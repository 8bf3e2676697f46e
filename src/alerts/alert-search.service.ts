import { Injectable } from '@nestjs/common';
import type { Component } from '@clarion/protocol';
import { Database } from '../persistence';
import { causesOf, componentOf } from './causes';

/** An alert that may tell of a failure. Times in ISO 8601. */
export interface AlertAbout {
  readonly id: string;
  readonly rule: string;
  readonly component: string;
  readonly status: 'pending' | 'firing' | 'resolved';
  readonly summary: string;
  readonly opened_at: string;
  readonly notified_at: string | null;
  readonly resolved_at: string | null;
}

interface Row extends Omit<AlertAbout, 'opened_at' | 'notified_at' | 'resolved_at'> {
  readonly opened_at: Date;
  readonly notified_at: Date | null;
  readonly resolved_at: Date | null;
}

/** An alert is seen up to so long after the failure, and over so long before it ends. */
const SLACK = `interval '30 seconds'`;
const MAX_ALERTS = 10;

const ABOUT = `
SELECT id, rule, component, status, summary, opened_at, notified_at, resolved_at FROM alerts
WHERE component = ANY($1) AND opened_at <= $2::timestamptz + ${SLACK} AND coalesce(resolved_at, last_seen_at) >= $2::timestamptz - ${SLACK}
ORDER BY array_position($1, component), opened_at LIMIT ${MAX_ALERTS}`;

/** Finds the alerts of a moment. */
@Injectable()
export class AlertSearch {
  constructor(private readonly database: Database) {}

  /** Those about the component of a failure, or about what that follows from, that were open when it happened; its own first. */
  async about(failure: { component: Component; reason: string; occurred_at: string }): Promise<AlertAbout[]> {
    const own = componentOf(failure.component, failure.reason);
    const rows = await this.database.query<Row>(ABOUT, [[own, ...causesOf(own)], failure.occurred_at]);
    return rows.map(({ opened_at, notified_at, resolved_at, ...alert }) => ({
      ...alert,
      opened_at: opened_at.toISOString(),
      notified_at: notified_at?.toISOString() ?? null,
      resolved_at: resolved_at?.toISOString() ?? null,
    }));
  }
}
