import type { Provider } from '@nestjs/common';
import { Assistants } from './assistant/assistants';
import { drillProvider } from './drill.agent';
import { GuideAgent } from './guide/guide.agent';
import { Library } from './guide/library';

/** The agents that come with Clarion, and what they need. Add a class with `@Agent` here, and it can be talked to. */
export const BUILTIN_AGENTS: Provider[] = [Assistants, Library, GuideAgent, drillProvider];
