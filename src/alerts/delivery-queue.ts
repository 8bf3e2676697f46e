/** What sends the messages of alerts. Owned here, implemented by queues. */
export abstract class DeliveryQueue {
  /** Wakes the sending of these messages. @throws ComponentError QUEUE_UNAVAILABLE, within seconds */
  abstract enqueue(deliveryIds: readonly string[]): Promise<void>;
}
