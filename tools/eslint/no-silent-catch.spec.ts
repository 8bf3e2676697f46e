import { RuleTester, type Rule } from 'eslint';
import { parser } from 'typescript-eslint';

const rule = jest.requireActual<Rule.RuleModule>('./no-silent-catch');
const tester = new RuleTester({ languageOptions: { parser } });

/** A handler body as the three places where a failure can be caught. */
function handlers(body: string): string[] {
  return [
    `async function f() { try { await work(); } catch (error) { ${body} } }`,
    `const f = () => work().catch(async (error) => { ${body} });`,
    `const f = () => work().then(use, function (error) { ${body} });`,
  ];
}

const silent = (code: string) => ({ code, errors: [{ messageId: 'silent' }] });
const reference = (code: string) => ({ code, errors: [{ messageId: 'reference' }] });

describe('a handler that ends in a throw', () => {
  tester.run('no-silent-catch', rule, {
    valid: [
      'throw error;',
      'throw new StorageError("save", { cause: error });',
      'close(); throw error;',
      'if (error.code === "EEXIST") throw new InUse(error); else throw error;',
      'if (known(error)) { throw new Known(error); } throw error;',
      'switch (error.code) { case "A": case "B": throw new A(error); default: throw error; }',
      'switch (error.code) { case "A": note(error); break; } throw error;',
      'try { rollback(); } finally { throw error; }',
      'try { rollback(); } catch (second) { throw new AggregateError([error, second]); } throw error;',
      '{ throw error; }',
      'outer: { throw error; }',
      'do { throw error; } while (true);',
    ].flatMap(handlers),
    invalid: [
      '',
      ';',
      'if (fatal) throw error;',
      'if (!fatal) return; throw error;',
      'if (fatal) { throw error; } else { retry(); }',
      'switch (error.code) { case "A": throw error; }',
      'switch (kind) { case "A": break; default: throw error; }',
      'for (const item of items) { if (item) break; throw error; }',
      'while (more()) { throw error; }',
      'const fail = () => { throw error; };',
      'function fail() { throw error; }',
      'outer: { if (mild) break outer; throw error; }',
    ]
      .flatMap(handlers)
      .map(silent),
  });
});

describe('a handler that returns a typed failure', () => {
  tester.run('no-silent-catch', rule, {
    valid: [
      'return error;',
      'return classify(error);',
      'return this.failure("save");',
      'return await failure(error);',
      'return new SaveFailed(error);',
      'return new SaveFailed();',
      'return { ok: false };',
      'return { ok: false, error };',
      'return { status: "failed", reason: error.code };',
      'return { ...failure(error), at: now };',
      'return [null, error];',
      'return mild ? partial(error) : failure(error);',
      'return Promise.resolve(failure(error));',
      'return failure(error) as Failure;',
      'const failed = classify(error); return { failed };',
      'const { code } = classify(error); return { code };',
      'if (mild) return partial(error); return failure(error);',
    ].flatMap(handlers),
    invalid: [
      'return;',
      'return undefined;',
      'return null;',
      'return null as never;',
      'return false;',
      'return "";',
      'return `failed: ${error}`;',
      'return [];',
      'return {};',
      'return { rows: [] };',
      'return { ok: true };',
      'return new Map();',
      'return cached;',
      'return void 0;',
      'return !error;',
      'return error.code === "23505";',
      'return mild ? null : failure(error);',
      'return failure(error) ?? null;',
      'return Promise.resolve();',
      'return Promise.resolve(null);',
      'return noop();',
      'return console.error(error);',
      'return this.logger.warn(error);',
      'return () => failure(error);',
      'const failed = classify(error);',
      'failure(error);',
      'if (mild) return null; return failure(error);',
    ]
      .flatMap(handlers)
      .map(silent),
  });
});

describe('a handler that reports or passes the failure on', () => {
  tester.run('no-silent-catch', rule, {
    valid: [
      'reporter.report(error, context);',
      'void this.reporter.report(error, context);',
      'await this.reportDelay(error);',
      'return report(error);',
      'const failure = await this.reporter.report(error, context); show(failure); return;',
      'show(await reporter.report(error, context)); return null;',
      'if (await reporter.report(error, context)) return;',
      'reject(error);',
      'waiting.reject(new SaveFailed({ cause: error }));',
      'const failure = classify(error); done(failure);',
      'callback(error, null);',
      'next(error);',
      'stream.destroy(error);',
      'resolve({ ok: false, error });',
      'for (const waiting of batch) waiting.reject(error);',
      'batch.forEach((waiting) => waiting.reject(error));',
      'batch.forEach((waiting) => { waiting.reject(error); });',
      'if (fatal) throw error; else reporter.report(error);',
      'fatal ? reporter.report(error, fatalContext) : reporter.report(error, context);',
      'try { close(); } finally { reporter.report(error); }',
      'switch (kind) { case "a": reporter.report(error); break; default: reject(error); }',
      'const ids = batch.map((item) => { return item.id; }); reporter.report(error, { ids });',
    ].flatMap(handlers),
    invalid: [
      'console.error(error);',
      'this.logger.error(error);',
      'this.reporting(error);',
      'callback();',
      'callback(null);',
      'next();',
      'reject();',
      'resolve();',
      'resolve(null);',
      'fatal && reporter.report(error);',
      'fatal ? reporter.report(error) : null;',
      'this.reporter?.report(error);',
      'if (fatal) reporter.report(error);',
      'if (fatal) return; reporter.report(error);',
      'setTimeout(() => reporter.report(error), 10);',
      'const later = () => reporter.report(error);',
      'while (more()) reporter.report(error);',
      'for (const key in items) reporter.report(error);',
      'process.exitCode = 1;',
      'process.exit(1);',
    ]
      .flatMap(handlers)
      .map(silent),
  });
});

describe('a handler that recognises one expected failure', () => {
  tester.run('no-silent-catch', rule, {
    valid: [
      'if (error.code === "ENOENT") return undefined; throw error;',
      'if (codeOf(error) !== "ESRCH") throw error;',
      'const code = codeOf(error); if (code === "ENOENT" || code === "ESRCH") return ""; throw error;',
      'const code = codeOf(error); if (code !== "EEXIST" && code !== "ENOTEMPTY") throw error;',
      'if (!(error instanceof Missing)) throw error; return null;',
      'if (isUniqueViolation(error)) return existing; throw error;',
      'if (EXPECTED.has(error.code)) return; throw error;',
      'if (retrying && error instanceof Missing) return null; throw error;',
      'if (error.status === GONE) { close(); } else { reporter.report(error); }',
      'switch (error.code) { case "A": break; default: throw error; }',
      'switch (error.code) { case "A": case "B": return null; } throw error;',
    ].flatMap(handlers),
    invalid: [
      'if (error.code === "ENOENT") return undefined;',
      'if (error.code !== "ENOENT") return undefined; throw error;',
      'if (error.code === "ENOENT" || quiet) return undefined; throw error;',
      'if (error.code !== "EEXIST" && loud) throw error;',
      'if (error instanceof Error) return null; throw error;',
      'if (error === undefined) return null; throw error;',
      'if (error.code === null) return null; throw error;',
      'if (typeof error === "object") return null; throw error;',
      'if (isQuiet(this.mode)) return null; throw error;',
      'if (kind === "mild") return null; throw error;',
      'switch (error.code) { case "A": return null; }',
      'switch (error.code) { case "A": default: return null; }',
    ]
      .flatMap(handlers)
      .map(silent),
  });
});

describe('a handler that entrusts the failure to a function beside it', () => {
  const inClass = (call: string, method: string) =>
    `class Room { async work() { try { await go(); } catch (error) { await ${call}; } } ${method} }`;
  const inFile = (call: string, declaration: string) => `${declaration} try { go(); } catch (error) { ${call}; }`;
  tester.run('no-silent-catch', rule, {
    valid: [
      inClass(
        'this.fail(error)',
        'async fail(cause) { const failure = await this.reporter.report(cause); show(failure); }',
      ),
      inClass('this.fail("save", error)', 'private fail(operation: string, cause: unknown): void { throw cause; }'),
      inClass('this.fail(error)', 'fail(error) { this.end(error); } end(error) { this.reporter.report(error); }'),
      inFile('fail(error)', 'function fail(error) { if (mild(error)) { throw error; } report(error); }'),
    ],
    invalid: [
      inClass('this.fail(error)', 'fail(cause) { this.logger.warn(cause); }'),
      inClass('this.fail(error)', 'fail(cause) { if (fatal) throw cause; }'),
      inClass('this.fail()', 'fail() { throw new Failed(); }'),
      inClass('this.fail(error)', 'fail(error) { this.end(error); } end(error) { this.fail(error); }'),
      inClass('this.other.fail(error)', 'fail(error) { throw error; }'),
      inClass('this.fail(error)', 'declare fail: (error: unknown) => void;'),
      inFile('fail(error)', 'function fail(error) { note(error); }'),
      inFile('fail(error)', 'import { fail } from "./fail";'),
    ].map(silent),
  });
});

describe('a handler in place', () => {
  tester.run('no-silent-catch', rule, {
    valid: [
      'try { work(); } catch { throw new SaveFailed(); }',
      'function f() { try { work(); } catch { return { ok: false }; } }',
      'try { work(); } catch ({ code }) { reject(code); }',
      'try { work(); } finally { close(); }',
      'work().catch((error) => classify(error));',
      'work().catch((error) => reporter.report(error, context));',
      'work().catch((error: unknown) => ({ ok: false, error }));',
      'new Promise((resolve, reject) => work().then(resolve, reject));',
      'work().catch(reject);',
      'work().catch(waiting.reject);',
      'work().catch(next);',
      'work().catch(reporter.report("save"));',
      'work().then(use);',
      'work().catch(rethrow); function rethrow(error) { throw new SaveFailed(error); }',
      'function f() { return work().catch(pass); function pass(error) { return classify(error); } }',
      'work().then(use, undefined);',
      'work().then(use, null);',
      'work().finally(close);',
      'const port = z.number().catch(3000);',
      'try { work(); } catch (error) { reporter.report(error); } for (const x of y) { if (x) continue; }',
    ],
    invalid: [
      silent('try { work(); } catch {}'),
      silent('for (const x of y) { try { work(x); } catch (error) { continue; } }'),
      silent('for (const x of y) { try { work(x); } catch (error) { break; } }'),
      silent('work().catch(() => undefined);'),
      silent('work().catch(() => {});'),
      silent('work().catch(() => null);'),
      silent('work()?.catch(() => null);'),
      silent('work().catch((error) => console.error(error));'),
      silent('work().then(use, () => []);'),
      silent('work().catch(quiet); function quiet(error) { note(error); }'),
      reference('import { quiet } from "./quiet"; work().catch(quiet);'),
      reference('work().catch(noop);'),
      reference('work().catch(console.error);'),
      reference('work().then(use, this.onFailure);'),
      reference('work().catch(ignore("save"));'),
      {
        code: 'try { work(); } catch { try { other(); } catch { } }',
        errors: [{ messageId: 'silent' }, { messageId: 'silent' }],
      },
    ],
  });
});

describe('a command that ends with a failing exit code', () => {
  const options = [{ processExit: true }];
  tester.run('no-silent-catch', rule, {
    valid: [
      { code: 'main().catch((error) => { console.error(error); process.exitCode = 1; });', options },
      { code: 'main().catch((error) => { console.error(error); process.exit(1); });', options },
    ],
    invalid: [
      { ...silent('main().catch((error) => { console.error(error); });'), options },
      { ...silent('main().catch((error) => { if (error.fatal) process.exit(1); });'), options },
    ],
  });
});
