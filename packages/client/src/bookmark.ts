import { formatCursor, parseCursor } from '@clarion/protocol';
import type { ReadingPosition } from './reading-position';
import type { StoreSlot } from './store';

/** Where the next connection, and the next life, goes on: behind what was processed, or with `manual` behind what was acknowledged. */
export class Bookmark {
  private acknowledged: string | null = null;

  constructor(
    private readonly position: ReadingPosition,
    private readonly slot: StoreSlot<string>,
    private readonly manual: boolean,
  ) {}

  /** The last durable event that was processed. */
  get lastEventId(): string | null {
    const { cursor } = this.position;
    return cursor && formatCursor(cursor.epoch, cursor.seq);
  }

  /** What a connection begins with: to the server that counts as an acknowledgement. */
  get cursor(): string | null {
    return this.manual ? this.acknowledged : this.lastEventId;
  }

  async load(): Promise<void> {
    this.acknowledged = await this.slot.read();
    this.position.restore(this.acknowledged);
  }

  /** The position has moved. */
  moved(): void {
    const { lastEventId } = this;
    if (!this.manual && lastEventId) void this.slot.write(lastEventId);
  }

  /** Never backwards. @returns when it is stored */
  async acknowledge(eventId: string): Promise<void> {
    const [known, next] = [this.acknowledged, eventId].map((id) => (id === null ? null : parseCursor(id)));
    if (next && known?.epoch === next.epoch && known.seq >= next.seq) return;
    this.acknowledged = eventId;
    await this.slot.write(eventId);
  }

  /** The numbers it was made of count no more. */
  void(): void {
    this.acknowledged = null;
  }

  /** The server cannot read it. */
  drop(): void {
    this.void();
    this.position.restore(null);
    void this.slot.write(null);
  }
}
