<ul>
<?for task in tasks?>
<li><a href="/table/task/{task.number}">{task.title}</a><?if task.project?>, {task.project}<?end?><?if task.due?>, due {task.due:date}<?end?></li>
<?else?>
<li>Nothing to do. <a href="/table/task/new">New task</a></li>
<?end?>
</ul>
