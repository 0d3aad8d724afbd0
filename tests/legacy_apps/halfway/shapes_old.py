# Not ported yet: Python 2 only.


class Box:
    name = 'box'

    def __init__(self, width, height):
        self.width, self.height = width, height

    def area(self, scale=1):
        return self.width * self.height * scale

    def halves(self):
        return '%.1f by %d' % (self.width / 2.0, self.height / 2)


def sort(*boxes):
    boxes = list(boxes)
    boxes.sort(lambda a, b: cmp(a.area(), b.area()))
    print 'sorted-%d' % len(boxes),
    return map(Box.area, boxes)
