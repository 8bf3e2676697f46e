import { Cluster } from '../support/cluster';
import { attribute, OtlpReceiver } from '../support/otlp-receiver';
import { redisIsHere } from '../support/redis-server';

(redisIsHere() ? describe : describe.skip)('the trace of a run whose worker is killed', () => {
  let cluster: Cluster;
  let receiver: OtlpReceiver;

  beforeAll(async () => {
    [cluster, receiver] = await Promise.all([Cluster.create(), OtlpReceiver.start()]);
  });

  afterAll(async () => {
    await cluster.dispose();
    receiver.close();
  });

  it('goes on in the process that takes over', async () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_BSP_SCHEDULE_DELAY: '50' };
    const [gateway, killed] = await Promise.all([cluster.start('gateway', env), cluster.start('worker', env)]);
    const ann = await cluster.connect(gateway, 'ann');
    const { run_id } = await ann.drill({ tokens: 60, per_second: 10 });
    await ann.until(() => ann.answers.get(run_id)?.answer.includes('w3') || undefined);
    await killed.crash();
    const heir = await cluster.start('worker', env);
    const end = await ann.ended(run_id, 40_000);
    expect(end.type).toBe('agent_completed');

    const agents = () => receiver.named('invoke_agent drill');
    await heir.until(() => agents().length > 0);
    const [socket] = receiver.named('socket chat_message');
    const [lost] = ann.of('agent_recovering');
    expect(socket?.pid).toBe(gateway.pid);
    expect(agents()).toMatchObject([{ pid: heir.pid, traceId: socket?.traceId }]);
    expect(attribute(agents()[0]!, 'clarion.run.attempt')).toBe(2);
    expect(lost?.data.error.trace_id).toBe(socket?.traceId);
  });
});
