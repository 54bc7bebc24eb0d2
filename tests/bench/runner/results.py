# SPDX-License-Identifier: MIT
"""What was measured: for each cell and program a list of rounds, and what follows from it."""

from statistics import median


class Results:
    """rounds[cell][program] is a list with one entry a round: numbers, or None."""

    def __init__(self):
        self.rounds = {}
        self.failures = []

    def add(self, cell, program, numbers):
        self.rounds.setdefault(cell, {}).setdefault(program, []).append(numbers)

    def fail(self, cell, program, words):
        self.failures.append(f"{cell}: {program}: {words}")
        self.add(cell, program, None)

    def programs(self):
        """In the order in which they were measured first."""
        seen = {}
        for by_program in self.rounds.values():
            seen.update(dict.fromkeys(by_program))
        return list(seen)

    def values(self, cell, program, key):
        rounds = self.rounds.get(cell, {}).get(program, [])
        return [numbers.get(key) if numbers else None for numbers in rounds]

    def median(self, cell, program, key):
        values = [v for v in self.values(cell, program, key) if v is not None]
        return median(values) if values else None

    def mebibytes(self, cell, key, program="peerlogd"):
        value = self.median(cell, program, key)
        return None if value is None else value / (1 << 20)

    def ratio(self, cell, key, program="peerlogd", base="floor"):
        """The median of the rounds' ratios: each against the base of its own round."""
        pairs = zip(self.values(cell, program, key), self.values(cell, base, key))
        ratios = [a / b for a, b in pairs if a is not None and b]
        return median(ratios) if ratios else None

    def cells_ratio(self, cell, base_cell, program, key):
        """The same for two cells of one program."""
        pairs = zip(self.values(cell, program, key), self.values(base_cell, program, key))
        ratios = [a / b for a, b in pairs if a is not None and b]
        return median(ratios) if ratios else None

    def difference(self, cell, key, program, base):
        """The median of the rounds' differences."""
        pairs = zip(self.values(cell, program, key), self.values(cell, base, key))
        differences = [a - b for a, b in pairs if a is not None and b is not None]
        return median(differences) if differences else None

    def faults(self, programs):
        """Messages lost, repeated or late in all rounds of all cells."""
        seen = [numbers for by_program in self.rounds.values() for program in programs
                for numbers in by_program.get(program, []) if numbers and "lost" in numbers]
        if not seen:
            return None
        return sum(n["lost"] + n["repeats"] + n["late"] for n in seen)

    def medians(self):
        result = {}
        for cell, by_program in self.rounds.items():
            for program, rounds in by_program.items():
                keys = dict.fromkeys(key for numbers in rounds if numbers for key in numbers)
                result.setdefault(cell, {})[program] = {
                    key: self.median(cell, program, key) for key in keys}
        return result
