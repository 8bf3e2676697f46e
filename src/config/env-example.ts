import type { Setting } from './setting';
import { settings } from './settings';

/** The text of `.env.example`: every setting with its explanation and its default. */
export function envExample(): string {
  const parts = Object.entries(settings).map(([section, members]) => {
    const lines = Object.values(members as Record<string, Setting<unknown>>).map(
      (setting) => `# ${setting.explanation}\n# Allowed: ${setting.allowed}.\n${setting.name}=${setting.defaultText}\n`,
    );
    return `# ${section}\n\n${lines.join('\n')}`;
  });
  return `# Generated from src/config/settings.ts by \`npm run env:example\`. An empty value is an unset one.\n\n${parts.join('\n')}`;
}
