import { Argument, Command } from "commander";
import { COMMANDS } from "./commands.ts";
import { write } from "./print.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

export function configure(command: Command): void {
  command
    .addArgument(new Argument("<shell>", "which shell").choices(SHELLS))
    .addHelpText(
      "after",
      "\nbash: source <(llama-proxy completion bash)\nzsh:  source <(llama-proxy completion zsh)\nfish: llama-proxy completion fish | source",
    )
    .action(async (shell: Shell) => write(script(shell, await wordsOf())));
}

interface CommandWords {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly string[];
}

/** Every command is loaded once to learn its options. */
async function wordsOf(): Promise<readonly CommandWords[]> {
  return Promise.all(
    COMMANDS.map(async ({ name, summary, load }) => {
      const command = new Command(name);
      (await load()).configure(command);
      return { name, summary, options: [...command.options.flatMap((option) => option.long ?? []), "--debug", "--help"] };
    }),
  );
}

function script(shell: Shell, commands: readonly CommandWords[]): string {
  const names = commands.map((command) => command.name).join(" ");
  if (shell === "fish") {
    return commands
      .flatMap(({ name, summary, options }) => [
        `complete -c llama-proxy -n __fish_use_subcommand -f -a ${name} -d '${summary.replaceAll("'", "")}'`,
        ...options.map((option) => `complete -c llama-proxy -n '__fish_seen_subcommand_from ${name}' -l ${option.slice(2)}`),
      ])
      .concat("")
      .join("\n");
  }
  const cases = commands.map(({ name, options }) => `      ${name}) words="${options.join(" ")}" ;;`).join("\n");
  const bash = `_llama_proxy() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words="${names} help"
  if [ "$COMP_CWORD" -gt 1 ]; then
    case "\${COMP_WORDS[1]}" in
${cases}
      *) words="" ;;
    esac
  fi
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
    *) if [ "$COMP_CWORD" -eq 1 ]; then COMPREPLY=($(compgen -W "$words" -- "$current")); else COMPREPLY=($(compgen -f -- "$current")); fi ;;
  esac
}
complete -F _llama_proxy llama-proxy
`;
  return shell === "bash" ? bash : `autoload -U +X bashcompinit && bashcompinit\n${bash}`;
}
