#!/usr/bin/env python3
"""Draws docs/pictures/terminal.svg: what the commands of a real run print, on generated traffic.

    readme_picture.py BINARY [--out FILE]        draws it anew
    readme_picture.py BINARY --check             fails unless the picture that is there is what the program says now

Lines are left out where `...` stands. The same program gives the same bytes."""
import argparse
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from xml.sax.saxutils import escape

PICTURE = Path(__file__).resolve().parents[1] / 'docs/pictures/terminal.svg'
COLUMNS, LINE, CHARACTER = 112, 17, 7.25
PLAIN, PROMPT, BAR, GRAVE = '#d6dbe1', '#7fb069', '#5aa9e6', '#f2a65a'
GRAVITY = ('[critical]', '[high]', '[medium]', '[low]')


def output(command, folder, binary):
    done = subprocess.run(['bash', '-eo', 'pipefail', '-c', command], cwd=folder, capture_output=True, text=True, env={'PATH': f'{folder}/bin:/usr/bin:/bin', 'LC_ALL': 'C.UTF-8'})
    if done.returncode:
        sys.exit(f'{command}: exit code {done.returncode}\n{done.stderr}')
    return (done.stdout + done.stderr).splitlines()


def between(lines, begin, end):
    """From the line that begins so to the next blank one or the one that begins with `end`."""
    first = next(i for i, line in enumerate(lines) if line.startswith(begin))
    kept = []
    for line in lines[first:]:
        if kept and (not line.strip() or (end and line.startswith(end))):
            break
        kept.append(line)
    return kept


def session(binary):
    """The lines of the picture."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / 'bin').mkdir()
        (folder / 'bin/trailwarden').symlink_to(binary.resolve())
        output('trailwarden generate --out traffic --accounts 1 --days 6 --seed 2', folder, binary)
        replay = 'trailwarden replay traffic/AWSLogs --alerts alerts.jsonl'
        summary = output(replay, folder, binary)
        show = 'grep SetQueueAttributes alerts.jsonl | trailwarden alerts show - --limit 1'
        shown = output(show, folder, binary)
        sentences = "jq -r 'select(.detail.severity == \"critical\" or .detail.severity == \"high\") | .detail.sentence' alerts.jsonl"
        found = output(sentences, folder, binary)
    chart = [line for line in shown if line.startswith('  2026-')]
    sentence = next(line for line in shown if line.startswith(GRAVITY))
    return [f'$ {replay}', *between(summary, 'Records', None), '...', *between(summary, 'Findings', None), '...', *between(summary, 'Insights', None)[:3], '',
            f'$ {show}', shown[0], '...', *chart[-7:], sentence, '...', '', f'$ {sentences}', *found[:6], '...']


def colour(line):
    if line.startswith('$ '):
        return PROMPT
    if line.startswith('  2026-'):
        return BAR
    return GRAVE if line.startswith(GRAVITY) else PLAIN


def svg(lines):
    wrapped = [(part, colour(line)) for line in lines for part in (textwrap.wrap(line, COLUMNS, subsequent_indent='    ', drop_whitespace=True) if len(line) > COLUMNS else [line])]
    width, height = round(COLUMNS * CHARACTER) + 32, len(wrapped) * LINE + 28
    texts = [f'<text x="16" y="{26 + i * LINE}" fill="{c}" xml:space="preserve">{escape(text)}</text>' for i, (text, c) in enumerate(wrapped) if text.strip()]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="ui-monospace, Menlo, Consolas, \'DejaVu Sans Mono\', monospace" font-size="12">\n'
            f'<title>trailwarden on six generated days of one account</title>\n<rect width="{width}" height="{height}" rx="8" fill="#1b1f24"/>\n' + '\n'.join(texts) + '\n</svg>\n')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('binary', type=Path)
    parser.add_argument('--out', type=Path, default=PICTURE)
    parser.add_argument('--check', action='store_true')
    arguments = parser.parse_args()
    picture = svg(session(arguments.binary))
    if not arguments.check:
        arguments.out.write_text(picture)
    elif arguments.out.read_text() != picture:
        sys.exit(f'{arguments.out} is not what the program says now; draw it anew: tools/readme_picture.py {arguments.binary}')


if __name__ == '__main__':
    main()
