calls = []


def main():
    calls.append(1)
    print('Content-Type: text/plain')
    print('')
    print('main')


if __name__ == '__main__':
    main()
