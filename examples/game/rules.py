"""The rules of Connect Four, without storage or pages."""

COLUMNS = 7
ROWS = 6
NAMES = [str(column) for column in xrange(COLUMNS)]


class Refused(Exception):
  """A move, or a request for one, that the rules do not allow."""


def board_of(moves):
  """Returns the columns as lists of 0 (red) and 1 (yellow), the lowest first."""
  columns = [[] for _ in xrange(COLUMNS)]
  for number, column in enumerate(moves):
    columns[int(column)].append(number % 2)
  return columns


def has_four(columns, who):
  def is_theirs(x, y):
    return (0 <= x < COLUMNS and 0 <= y < len(columns[x])
            and columns[x][y] == who)

  for x in xrange(COLUMNS):
    for y in xrange(ROWS):
      for right, up in ((1, 0), (0, 1), (1, 1), (1, -1)):
        if all(is_theirs(x + right * i, y + up * i) for i in xrange(4)):
          return True
  return False


def winner_of(moves):
  """Returns 0 or 1, or None while nobody has won."""
  # Only the last move can have made a row of four.
  last = (len(moves) - 1) % 2
  return last if moves and has_four(board_of(moves), last) else None


def add_move(moves, column):
  """Returns the moves with one more, or raises Refused."""
  if winner_of(moves) is not None:
    raise Refused('The game is over.')
  if column not in NAMES:
    raise Refused('There is no such column.')
  if len(board_of(moves)[int(column)]) == ROWS:
    raise Refused('This column is full.')
  return moves + column
