import { ERROR_CODES, REASON_PATTERN } from '@clarion/protocol';
import { checkCatalogue } from './check';
import { ALL_REASONS, CATALOGUE, isReason } from './index';
import { EN } from './texts/en';
import { userText } from './texts';

describe('the catalogue', () => {
  it('has a page and texts for every reason, and no page beyond', async () => {
    expect(await checkCatalogue()).toEqual([]);
  });

  it('covers every code of the protocol with well-formed names', () => {
    expect(new Set(ALL_REASONS.map((reason) => CATALOGUE[reason].code))).toEqual(new Set(ERROR_CODES));
    expect(ALL_REASONS.filter((reason) => !REASON_PATTERN.test(reason) || CATALOGUE[reason].reason !== reason)).toEqual(
      [],
    );
  });

  it('takes inherited property names for no reasons', () => {
    expect(['constructor', '__proto__', 'toString', 'NOPE'].filter(isReason)).toEqual([]);
  });

  it('does not ask a client to reconnect with what was refused for good', () => {
    const refused = ['AUTH_TOKEN_REVOKED', 'ORIGIN_NOT_ALLOWED', 'PROTOCOL_VERSION_UNSUPPORTED'] as const;
    expect(refused.filter((reason) => CATALOGUE[reason].reconnect || CATALOGUE[reason].retryable)).toEqual([]);
  });
});

describe('the texts for users', () => {
  it.each([undefined, null, '', 'en', 'en-GB', 'xx', 'xx-Latn-XX', '*', '__proto__', 'constructor'])(
    'are English for %p, which has no language of its own',
    (locale) => {
      expect(userText('RATE_LIMITED', locale)).toEqual(EN.RATE_LIMITED);
    },
  );

  it.each([
    [{ timeout_ms: 500 }, '0.5 seconds'],
    [{ timeout_ms: 1_000 }, '1 second'],
    [{ timeout_ms: 90_000 }, '90 seconds'],
    [{ timeout_ms: 120_000 }, '2 minutes'],
    [{ timeout_ms: 3_600_000 }, '1 hour'],
    [{}, 'for some time'],
  ])('name what they know of an occurrence: %j', (details, words) => {
    expect(userText('AGENT_STALLED', 'en', details).user_friendly_message).toContain(words);
  });

  it.each(['de', 'de-AT', 'DE-ch'])('are German for %s', (locale) => {
    expect(userText('RATE_LIMITED', locale).message).toBe('Das geht zu schnell');
  });

  it.each([
    [{ timeout_ms: 1_500 }, '1,5 Sekunden'],
    [{ timeout_ms: 60_000 }, '1 Minute'],
    [{ timeout_ms: 7_200_000 }, '2 Stunden'],
    [{}, 'einiger Zeit'],
  ])('name in German what they know of an occurrence: %j', (details, words) => {
    expect(userText('AGENT_STALLED', 'de', details).user_friendly_message).toContain(words);
  });
});
