import { median, type Point } from './forecast';

const SLOT_MS = 30_000;
const KEPT = 840;

interface Track {
  readonly points: Point[];
  slot: number;
  values: number[];
}

/** What figures were in the last seven hours, by half minutes. Each is a median, and is there once the next one has begun. */
export class SampleHistory {
  private readonly tracks = new Map<string, Track>();

  /** In the order of time. */
  add(key: string, at: number, value: number): void {
    const slot = Math.floor(at / SLOT_MS);
    const track = this.tracks.get(key) ?? { points: [], slot, values: [] };
    this.tracks.set(key, track);
    if (slot > track.slot) {
      track.points.push({ at: track.slot * SLOT_MS, value: median(track.values) });
      track.points.splice(0, track.points.length - KEPT);
      track.slot = slot;
      track.values = [];
    }
    track.values.push(value);
  }

  /** Oldest first. */
  points(key: string): readonly Point[] {
    return this.tracks.get(key)?.points ?? [];
  }
}
