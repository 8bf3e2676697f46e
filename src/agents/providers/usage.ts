import type { Usage } from '@clarion/protocol';

/** Prices of a million tokens, in any one currency. */
export interface Price {
  readonly input: number;
  readonly output: number;
}

const MILLION = 1_000_000;
/** Sums of prices are told to a millionth: no binary dust. */
const PRECISION = 1_000_000;

/** The usage of a call, with its cost where prices are known. */
export function usageOf(inputTokens: number, outputTokens: number, price: Price | null): Usage {
  const usage = { input_tokens: inputTokens, output_tokens: outputTokens };
  if (price === null) return usage;
  const cost = (inputTokens * price.input + outputTokens * price.output) / MILLION;
  return { ...usage, cost: Math.round(cost * PRECISION) / PRECISION };
}

export function addUsage(total: Usage | null, more: Usage): Usage {
  if (total === null) return more;
  const cost = total.cost === undefined && more.cost === undefined ? undefined : (total.cost ?? 0) + (more.cost ?? 0);
  return {
    input_tokens: total.input_tokens + more.input_tokens,
    output_tokens: total.output_tokens + more.output_tokens,
    ...(cost === undefined ? {} : { cost: Math.round(cost * PRECISION) / PRECISION }),
  };
}
